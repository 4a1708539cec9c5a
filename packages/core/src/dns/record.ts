/** What a DNS answer is made of. The shapes are those of a decoded message (RFC 1035 section 4.1). */

/** Data of a start-of-authority record; times in seconds. */
export interface SoaData {
  readonly mname: string;
  readonly rname: string;
  readonly serial: number;
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
  readonly minimum: number;
}

/** Data of a service record (RFC 2782). */
export interface SrvData {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}

/** One resource record; `ttl` in seconds, names without the final dot. */
export type DnsRecord = { readonly name: string; readonly ttl: number } & (
  | { readonly type: 'A' | 'AAAA' | 'CNAME' | 'PTR' | 'NS'; readonly data: string }
  | { readonly type: 'SRV'; readonly data: SrvData }
  | { readonly type: 'TXT'; readonly data: readonly string[] }
  | { readonly type: 'SOA'; readonly data: SoaData }
);

/** A question; `type` is a mnemonic (`A`, `SRV`, `HTTPS` ...). */
export interface DnsQuestion {
  readonly name: string;
  readonly type: string;
}

/** Response codes this server gives (RFC 1035, RFC 2136). */
export type Rcode = 'NOERROR' | 'FORMERR' | 'SERVFAIL' | 'NXDOMAIN' | 'NOTIMP' | 'REFUSED';

/** An answer before it is encoded. */
export interface DnsAnswer {
  readonly rcode: Rcode;
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}
