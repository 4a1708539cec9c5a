import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the API's certificate stands for. */
export interface PkiOptions {
  readonly names: readonly string[];
  readonly ips: readonly string[];
  /** Bearer token of the API. */
  readonly token: string;
}

/**
 * Writes `ca.crt`, `api.crt`, `api.key` (mode 0600) and `token` (mode 0600) into `dir`: one self-signed P-256 certificate,
 * valid for a year, that is its own authority. Returns the authority as PEM.
 */
export async function createPki(dir: string, options: PkiOptions): Promise<string> {
  // Loaded when it is needed: only one program of a lab makes certificates.
  const { generate } = await import('./certificate.ts');
  const pair = await generate([{ name: 'commonName', value: 'svclab' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          ...options.names.map((value) => ({ type: 2 as const, value })),
          ...options.ips.map((ip) => ({ type: 7 as const, ip })),
        ],
      },
    ],
  });
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const write = (name: string, text: string, mode = 0o644): void => writeFileSync(join(dir, name), text, { mode });
  write('ca.crt', pair.cert);
  write('api.crt', pair.cert);
  write('api.key', pair.private, 0o600);
  write('token', `${options.token}\n`, 0o600);
  return pair.cert;
}

/**
 * Writes a kubeconfig (mode 0600): a cluster and a context for each API server, `name`, `name-2`, `name-3` ..., the first of which is the
 * current one, and one user.
 */
export function writeKubeconfig(
  path: string,
  options: {
    readonly server: string;
    /** More servers of the same API. */
    readonly others?: readonly string[];
    readonly caPem: string;
    readonly token: string;
    readonly name: string;
  },
): void {
  const { server, others = [], token, name } = options;
  const ca = Buffer.from(options.caPem).toString('base64');
  const named = [server, ...others].map((at, i) => ({ name: i === 0 ? name : `${name}-${i + 1}`, server: at }));
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: named.map((n) => ({ name: n.name, cluster: { server: n.server, 'certificate-authority-data': ca } })),
    users: [{ name, user: { token } }],
    contexts: named.map((n) => ({ name: n.name, context: { cluster: n.name, user: name, namespace: 'default' } })),
    'current-context': name,
  };
  // JSON is YAML.
  writeFileSync(path, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
}
