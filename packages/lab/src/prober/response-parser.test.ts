import { describe, expect, it } from 'vitest';
import { type ProbeResponse, ResponseError, ResponseParser } from './response-parser.ts';

/** Feeds `wire` in pieces of `size` bytes. */
function parse(wire: string, size: number, end = false): ProbeResponse[] {
  const seen: ProbeResponse[] = [];
  const parser = new ResponseParser((r) => seen.push(r));
  const bytes = Buffer.from(wire, 'latin1');
  for (let at = 0; at < bytes.length; at += size) parser.push(bytes.subarray(at, at + size));
  if (end) parser.end();
  return seen;
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nweb-1\nabcd';
const CHUNKED =
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nweb\r\n4;x=y\r\n-2\nz\r\n0\r\nX-Trailer: 1\r\n\r\n';
const cases: [string, string, boolean, ProbeResponse[]][] = [
  ['a body with a length', OK, false, [{ status: 200, backend: 'web-1', close: false }]],
  ['a body in chunks, with a trailer', CHUNKED, false, [{ status: 200, backend: 'web-2', close: false }]],
  [
    'answers behind each other',
    OK + CHUNKED + OK,
    false,
    [
      { status: 200, backend: 'web-1', close: false },
      { status: 200, backend: 'web-2', close: false },
      { status: 200, backend: 'web-1', close: false },
    ],
  ],
  [
    'the header names the backend',
    'HTTP/1.1 503 Busy\r\nX-Svclab-Pod: api-7\r\nconnection: Close\r\ncontent-length: 2\r\n\r\nno',
    false,
    [{ status: 503, backend: 'api-7', close: true }],
  ],
  ['no body at all', 'HTTP/1.1 204 No Content\r\n\r\n', false, [{ status: 204, backend: '', close: false }]],
  ['length zero', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', false, [{ status: 200, backend: '', close: false }]],
  [
    'a body until the end',
    'HTTP/1.0 200 OK\r\n\r\nweb-3\nmore',
    true,
    [{ status: 200, backend: 'web-3', close: true }],
  ],
  [
    'an interim answer first',
    `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${OK}`,
    false,
    [{ status: 200, backend: 'web-1', close: false }],
  ],
  ['half an answer', OK.slice(0, -1), false, []],
];

describe('ResponseParser', () => {
  it.each(cases)('%s, whole and byte by byte', (_name, wire, end, expected) => {
    expect(parse(wire, wire.length, end)).toEqual(expected);
    expect(parse(wire, 1, end)).toEqual(expected);
    expect(parse(wire, 7, end)).toEqual(expected);
  });

  it.each([
    ['a banner of another protocol', 'SSH-2.0-x\r\n\r\n'],
    ['a length that is none', 'HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\n'],
    ['a chunk size that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
    ['a head without end', `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(70_000)}`],
  ])('refuses %s', (_name, wire) => {
    expect(() => parse(wire, wire.length)).toThrow(ResponseError);
  });
});
