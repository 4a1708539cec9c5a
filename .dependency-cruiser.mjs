/** Layers, held by machine. Each rule says why. */
const layer = (name, from, to, comment) => ({
  name,
  severity: 'error',
  comment,
  from: { path: from },
  to: { path: to },
});

export default {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'A cycle means two files are one concept.',
      from: {},
      to: { circular: true },
    },
    layer(
      'core-is-pure',
      '^packages/core/src/(?!.*[.]test[.]ts$)',
      '^(?!packages/core/)',
      'The core imports nothing but itself: time, chance and identity are arguments.',
    ),
    layer(
      'wire-imports-core-only',
      '^packages/wire/src',
      '^(packages/(?!wire|core)|services)',
      'wire is the contract between processes.',
    ),
    layer(
      'runtime-below-lab',
      '^packages/runtime/src/(?!.*[.]test[.]ts$)',
      '^(packages/(lab|cli|testkit)|services)',
      'runtime is shared by every process.',
    ),
    layer(
      'lab-below-cli',
      '^packages/lab/src/(?!.*[.]test[.]ts$)',
      '^(packages/(cli|testkit)|services)',
      'lab is a library; the CLI is one user of it.',
    ),
    layer(
      'report-page-stands-alone',
      '^packages/report-page/src',
      '^(packages/(?!report-page)|services)',
      'The page runs in a browser: what it draws comes as data.',
    ),
    layer('cli-imports-no-service', '^packages/cli/src', '^services', 'Services are programs, not libraries.'),
    {
      name: 'services-apart',
      severity: 'error',
      comment: 'Services talk over NATS and gRPC, never by import.',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^services/', pathNot: '^services/$1/' },
    },
    {
      name: 'testkit-in-tests-only',
      severity: 'error',
      comment: 'Fakes never ship.',
      from: { pathNot: '([.]test[.]ts$|^packages/testkit/|^test/|^services/[^/]+/test/)' },
      to: { path: '^packages/testkit/' },
    },
    {
      name: 'bus-and-log-behind-runtime',
      severity: 'error',
      comment: 'NATS, gRPC transport, FFI, pino and prom-client have one home each.',
      from: { pathNot: '^packages/(runtime|testkit)/' },
      to: { path: 'node_modules/(@nats-io|@grpc|pino|koffi|prom-client)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      conditionNames: ['svclab-source', 'import', 'require', 'node', 'default'],
      exportsFields: ['exports'],
    },
  },
};
