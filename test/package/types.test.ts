/** The package's types in a strict project that checks libraries as well, as an ES module and for `require`. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import root from '../../package.json' with { type: 'json' };
import modules from '../../packages/testcontainers/package.json' with { type: 'json' };
import { run } from '../e2e/lab.ts';
import { install, type PackedPackage, pack } from './pack.ts';

const MODULE = `
import { expect } from 'expect';
import 'svclab/jest';
import { LabClient, type MeasurementReport } from 'svclab';
import { ServiceLab } from 'svclab/testcontainers';

declare const report: MeasurementReport;
expect(report).toRecoverWithin('1s');
expect(report).not.toLoseAtMost(3);
// @ts-expect-error a duration is text or a number
expect(report).toRecoverWithin({});
const status = await new LabClient({ url: 'http://localhost', token: 'token' }).status();
status.hosts.map((host) => host.name);
await using lab = await new ServiceLab('image').withNodes(3).withProfile('fast').withStartupTimeout(3).withKnob('a', 1).start();
const effect = await lab.stop('dns-1');
effect.resolved.toUpperCase();
await lab.restart({ timeout: 3 });
(await lab.stop()).getId();
`;

const COMMON = `
import svclab = require('svclab');
import { expect } from 'expect';
import { ServiceLab } from 'svclab/testcontainers';
import 'svclab/jest';

new ServiceLab('image').withNodes(3).withManifests('a.yaml', { kind: 'Service' });
expect({} as svclab.MeasurementReport).toMoveTo('node-1');
svclab.matchers.toMoveTo({});
`;

let packed: PackedPackage;
let dir: string;
beforeAll(async () => {
  packed = await pack();
  const { typescript, '@types/node': node } = root.devDependencies;
  const { testcontainers, expect: jest } = modules.devDependencies;
  const others = [
    `typescript@${typescript}`,
    `@types/node@${node}`,
    `testcontainers@${testcontainers}`,
    `expect@${jest}`,
  ];
  dir = await install(packed.tarball, ...others);
  writeFileSync(join(dir, 'module.ts'), MODULE);
  writeFileSync(join(dir, 'common.cts'), COMMON);
  const compilerOptions = {
    target: 'ES2023',
    lib: ['ES2023', 'ESNext.Disposable'],
    module: 'NodeNext',
    types: ['node'],
    strict: true,
    noEmit: true,
    skipLibCheck: false,
  };
  writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts', '*.cts'] }));
});
afterAll(() => {
  packed?.remove();
  if (dir) rmSync(dir, { recursive: true, force: true });
});

it('compiles', async () => {
  const compiled = await run(join(dir, 'node_modules', '.bin', 'tsc'), ['-p', dir]);
  expect(compiled).toMatchObject({ code: 0, stdout: '' });
});
