/** A small HTTP/1.1 response parser (RFC 9112): enough to know that a whole answer arrived, and from whom. */

/** One complete answer. */
export interface ProbeResponse {
  readonly status: number;
  /** `x-svclab-pod` header, else the body's first line (at most 80 characters). */
  readonly backend: string;
  /** The server said it will close the connection. */
  readonly close: boolean;
}

/** The peer sent something that is not HTTP/1.1. */
export class ResponseError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ResponseError';
  }
}

const HEAD_END = Buffer.from('\r\n\r\n');
const CRLF = Buffer.from('\r\n');
const MAX_HEAD = 65_536;
const MAX_FIRST_LINE = 80;

type State = 'head' | 'length' | 'until-close' | 'chunk-size' | 'chunk-data' | 'trailer';

/** Parses the bytes of one connection; several answers may follow each other. Body bytes are counted and dropped. */
export class ResponseParser {
  readonly #onResponse: (response: ProbeResponse) => void;
  #rest: Buffer | undefined;
  #state: State = 'head';
  #left = 0;
  #status = 0;
  #close = false;
  #pod = '';
  #line = '';

  constructor(onResponse: (response: ProbeResponse) => void) {
    this.#onResponse = onResponse;
  }

  /** Takes bytes as they arrive. Fails with {@link ResponseError}. */
  push(chunk: Buffer): void {
    let data = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    this.#rest = undefined;
    while (data.length > 0) {
      const used = this.#step(data);
      if (used === 0) {
        if (data.length > MAX_HEAD) throw new ResponseError(`No end of line in ${data.length} bytes`);
        this.#rest = data;
        return;
      }
      data = used === data.length ? data.subarray(0, 0) : data.subarray(used);
    }
  }

  /** The peer closed its side. True when that completed an answer (a body without length). */
  end(): boolean {
    if (this.#state !== 'until-close') return false;
    this.#finish(true);
    return true;
  }

  /** Consumes from `data`; returns how many bytes, 0 when more must arrive first. */
  #step(data: Buffer): number {
    switch (this.#state) {
      case 'head':
        return this.#head(data);
      case 'length':
      case 'chunk-data': {
        const n = Math.min(this.#left, data.length);
        if (this.#line.length < MAX_FIRST_LINE) this.#collect(data, n);
        this.#left -= n;
        if (this.#left === 0) {
          if (this.#state === 'length') this.#finish(this.#close);
          else this.#state = 'chunk-size';
        }
        return n;
      }
      case 'until-close':
        this.#collect(data, data.length);
        return data.length;
      case 'chunk-size':
        return this.#chunkSize(data);
      case 'trailer':
        return this.#trailer(data);
    }
  }

  #head(data: Buffer): number {
    const end = data.indexOf(HEAD_END);
    if (end < 0) return 0;
    const head = data.toString('latin1', 0, end);
    const status = /^HTTP\/1\.([01]) (\d{3})/.exec(head);
    if (!status) throw new ResponseError(`"${head.slice(0, 40)}" is no HTTP/1.1 status line`);
    this.#status = Number(status[2]);
    if (this.#status >= 100 && this.#status < 200) return end + 4;
    const connection = header(head, 'connection')?.toLowerCase() ?? '';
    this.#close = status[1] === '0' ? !connection.includes('keep-alive') : connection.includes('close');
    this.#pod = header(head, 'x-svclab-pod') ?? '';
    this.#line = '';
    const length = header(head, 'content-length');
    if (header(head, 'transfer-encoding')?.toLowerCase().includes('chunked')) {
      this.#state = 'chunk-size';
      this.#left = 0;
    } else if (length !== undefined) {
      this.#left = Number(length);
      if (!Number.isInteger(this.#left) || this.#left < 0) throw new ResponseError(`Content-Length is "${length}"`);
      this.#state = 'length';
      if (this.#left === 0) this.#finish(this.#close);
    } else if (this.#status === 204 || this.#status === 304) this.#finish(this.#close);
    else this.#state = 'until-close';
    return end + 4;
  }

  #chunkSize(data: Buffer): number {
    // The CRLF that ends the previous chunk's data comes first.
    const start = data.length >= 2 && data[0] === 13 && data[1] === 10 ? 2 : 0;
    const end = data.indexOf(CRLF, start);
    if (end < 0) return 0;
    const text = data.toString('latin1', start, end).split(';')[0]?.trim() ?? '';
    if (!/^[0-9a-f]+$/i.test(text)) throw new ResponseError(`Chunk size is "${text.slice(0, 20)}"`);
    this.#left = Number.parseInt(text, 16);
    this.#state = this.#left === 0 ? 'trailer' : 'chunk-data';
    return end + 2;
  }

  #trailer(data: Buffer): number {
    const end = data.indexOf(CRLF);
    if (end < 0) return 0;
    if (end === 0) this.#finish(this.#close);
    return end + 2;
  }

  #collect(data: Buffer, n: number): void {
    if (this.#pod !== '' || this.#line.includes('\n')) return;
    this.#line += data.toString('latin1', 0, Math.min(n, MAX_FIRST_LINE));
  }

  #finish(close: boolean): void {
    const backend = this.#pod !== '' ? this.#pod : (this.#line.split('\n')[0] ?? '').trim().slice(0, MAX_FIRST_LINE);
    this.#state = 'head';
    this.#onResponse({ status: this.#status, backend, close });
  }
}

/** Value of the first header called `name` (lower case); undefined when absent. */
function header(head: string, name: string): string | undefined {
  for (let at = head.indexOf('\r\n'); at >= 0; at = head.indexOf('\r\n', at + 2)) {
    const colon = head.indexOf(':', at + 2);
    if (colon - at - 2 !== name.length || head.slice(at + 2, colon).toLowerCase() !== name) continue;
    const end = head.indexOf('\r\n', colon);
    return head.slice(colon + 1, end < 0 ? undefined : end).trim();
  }
  return undefined;
}
