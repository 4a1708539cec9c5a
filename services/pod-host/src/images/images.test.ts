import { describe, expect, it } from 'vitest';
import { netexecDatagram } from './agnhost.ts';
import { argument, type ContainerIdentity } from './image.ts';
import { parseImage } from './reference.ts';
import { findImage, IMAGES } from './registry.ts';

const identity: ContainerIdentity = {
  pod: 'web-1',
  namespace: 'shop',
  uid: 'u1',
  node: 'node-1',
  container: 'c',
  image: 'x',
  ip: '10.244.1.5',
};

describe('parseImage()', () => {
  it.for([
    ['nginx', 'nginx', 'latest'],
    ['nginx:alpine', 'nginx', 'alpine'],
    ['registry:5000/team/web', 'web', 'latest'],
    ['registry:5000/team/web:1.2@sha256:abc', 'web', '1.2'],
    ['prom/node-exporter:latest', 'node-exporter', 'latest'],
    ['', '', 'latest'],
  ] as const)('splits %s', ([reference, name, tag]) => {
    expect(parseImage(reference)).toEqual({ name, tag });
  });
});

describe('findImage()', () => {
  it('knows each repository once', () => {
    const names = IMAGES.flatMap((image) => image.repositories);
    expect(new Set(names).size).toBe(names.length);
  });

  it.for([
    ['nginx:alpine', [], {}, ['TCP 80']],
    ['nginxinc/nginx-unprivileged', [], {}, ['TCP 8080']],
    ['bitnami/redis:7', [], {}, ['TCP 6379']],
    ['postgres:15', [], {}, ['TCP 5432']],
    ['prom/node-exporter:latest', [], {}, ['TCP 9100']],
    ['mon-app:v1', [], {}, ['TCP 8080']],
    ['mon-app:v1', [], { PORT: '3000' }, ['TCP 3000']],
    ['mon-app:v1', [], { PORT: 'tcp://10.0.0.1:80' }, ['TCP 8080']],
    ['busybox', ['sleep', '3600'], {}, []],
    ['agnhost', ['netexec'], {}, ['TCP 8080', 'UDP 8081']],
    ['agnhost:2.40', ['netexec', '--http-port=8083', '--udp-port', '9000'], {}, ['TCP 8083', 'UDP 9000']],
    ['agnhost', ['/agnhost', 'serve-hostname'], {}, ['TCP 9376']],
    ['agnhost', ['pause'], {}, []],
    ['hashicorp/http-echo', ['-listen=:80', '-text=hi'], {}, ['TCP 80']],
    ['traefik/whoami', ['--port', '2001'], {}, ['TCP 2001']],
  ] as const)('gives %s %j its ports', ([image, args, env, want]) => {
    const ports = findImage(image).defaultPorts({ args, env, identity });
    expect(ports.map((p) => `${p.protocol} ${p.port}`)).toEqual(want);
  });
});

describe('argument()', () => {
  it.for([
    [['--port=1'], '1'],
    [['-port', '2'], '2'],
    [['port=3'], undefined],
    [['--ports=4'], undefined],
    [['--port'], undefined],
  ] as const)('reads port from %j', ([args, want]) => {
    expect(argument(args, 'port')).toBe(want);
  });
});

describe('netexecDatagram()', () => {
  it.for([
    ['hostname', 'web-1'],
    ['hostName\n', 'web-1'],
    ['clientip', '10.0.0.9:5'],
    ['echo a b', 'a b'],
    ['nonsense', undefined],
  ] as const)('answers %s', ([text, want]) => {
    expect(netexecDatagram(text, { address: '10.0.0.9', port: 5 }, 'web-1')).toBe(want);
  });
});
