import { spawnSync } from 'node:child_process';
import { defineConfig } from 'vitest/config';

/** Tests that need Docker run where an engine answers, and are named as skipped where none does. */
const engine = spawnSync('docker', ['info', '--format', '{{.ServerVersion}}'], { timeout: 10_000 }).status === 0;
if (!engine && process.env.VITEST_WORKER_ID === undefined)
  process.stderr.write('No Docker engine answers: the projects docker, e2e-docker and chaos are skipped\n');

/** With SVCLAB_NIGHTLY=1 everything runs, also what takes long and what containers repeat of namespaces without a difference that counts. */
const nightly = process.env.SVCLAB_NIGHTLY === '1';
const files = (...names: string[]): string[] => names.map((name) => `test/e2e/${name}.test.ts`);
/** None of these counts requests that must not be lost: they bear company, and containers repeat most of them without a difference. */
const SIDE_BY_SIDE = files('wire', 'app-faults', 'arp-faults', 'faults', 'node-faults', 'scenario-run', 'load');
const NAMESPACES_ALONE = [...SIDE_BY_SIDE, ...files('lossless', 'metrics', 'pod-network', 'report')];

const resolve = { conditions: ['svclab-source'] };
const ssr = { resolve: { conditions: ['svclab-source'], externalConditions: ['svclab-source'] } };

// Projects of one groupOrder run side by side, others one after another: what counts lost requests wants the machine for itself, and two
// composed labs want the same addresses.
export default defineConfig({
  resolve,
  ssr,
  test: {
    projects: [
      {
        resolve,
        ssr,
        test: {
          name: 'unit',
          // Unit tests change nothing that another file could see; a module world for each file took two thirds of their time.
          isolate: false,
          sequence: { groupOrder: 1 },
          include: ['packages/*/src/**/*.test.ts', 'services/*/src/**/*.test.ts'],
          exclude: ['**/*.int.test.ts', '**/node_modules/**', '**/dist/**'],
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'integration',
          sequence: { groupOrder: 1 },
          include: [
            'packages/*/src/**/*.int.test.ts',
            'services/*/src/**/*.int.test.ts',
            'test/conformance/**/*.test.ts',
            'test/report/**/*.test.ts',
          ],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'e2e',
          sequence: { groupOrder: 2 },
          include: ['test/e2e/**/*.test.ts'],
          exclude: SIDE_BY_SIDE,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'faults',
          sequence: { groupOrder: 4 },
          include: SIDE_BY_SIDE,
          testTimeout: 180_000,
          hookTimeout: 120_000,
          maxWorkers: 3,
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'scenarios',
          sequence: { groupOrder: 3 },
          include: ['test/scenarios/**/*.test.ts'],
          testTimeout: 240_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'e2e-docker',
          sequence: { groupOrder: 6 },
          // The same tests, with containers for hosts. lab-life is about what namespaces leave behind.
          include: engine ? ['test/e2e/**/*.test.ts'] : [],
          exclude: ['test/e2e/lab-life.test.ts', ...(nightly ? [] : NAMESPACES_ALONE)],
          testTimeout: 180_000,
          hookTimeout: 600_000,
          globalSetup: engine ? ['test/build-image.ts'] : [],
          fileParallelism: false,
          env: { SVCLAB_TEST_DRIVER: 'docker' },
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'chaos',
          sequence: { groupOrder: 7 },
          include: engine ? ['test/chaos/**/*.test.ts'] : [],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          globalSetup: engine ? ['test/build-image.ts'] : [],
          fileParallelism: false,
          env: { TESTCONTAINERS_RYUK_DISABLED: 'true' },
        },
      },
      {
        resolve,
        ssr,
        test: {
          // What is published: the npm package and the action.
          name: 'package',
          sequence: { groupOrder: 1 },
          include: ['test/package/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'docker',
          sequence: { groupOrder: 5 },
          include: engine ? ['test/docker/**/*.test.ts', 'test/testcontainers/**/*.test.ts'] : [],
          testTimeout: 180_000,
          hookTimeout: 600_000,
          fileParallelism: false,
          // Testcontainers' cleaner is an image of its own, which may not be there: these tests stop what they start.
          env: { TESTCONTAINERS_RYUK_DISABLED: 'true' },
        },
      },
    ],
  },
});
