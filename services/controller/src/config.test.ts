import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readControllerConfig } from './config.ts';

describe('readControllerConfig', () => {
  it('reads certificate, token and inherited socket', () => {
    const dir = mkdtempSync(join(tmpdir(), 'pki-'));
    try {
      for (const name of ['api.key', 'api.crt', 'token']) writeFileSync(join(dir, name), `${name}\n`);
      expect(readControllerConfig({ SVCLAB_PKI_DIR: dir, SVCLAB_API_FD: '3' })).toEqual({
        pki: { key: 'api.key\n', cert: 'api.crt\n', token: 'token' },
        listen: { fd: 3 },
        also: undefined,
      });
      expect(
        readControllerConfig({ SVCLAB_PKI_DIR: dir, SVCLAB_API_FD: '3', SVCLAB_API_LISTEN: '172.30.1.3:6443' }),
      ).toMatchObject({ listen: { fd: 3 }, also: { host: '172.30.1.3', port: 6443 } });
      expect(readControllerConfig({ SVCLAB_PKI_DIR: dir, SVCLAB_API_LISTEN: '0.0.0.0:6443' }).listen).toEqual({
        host: '0.0.0.0',
        port: 6443,
      });
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it.each([
    [{}, 'SVCLAB_PKI_DIR is missing; SVCLAB_API_LISTEN must be host:port'],
    [{ SVCLAB_PKI_DIR: '/nowhere', SVCLAB_API_FD: 'x' }, '/nowhere/api.key cannot be read'],
    [{ SVCLAB_API_LISTEN: 'x:99999' }, 'SVCLAB_API_LISTEN must be host:port, not "x:99999"'],
  ])('names what is wrong with %j', (env, text) => {
    expect(() => readControllerConfig(env)).toThrow(text);
  });
});
