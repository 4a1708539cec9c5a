/** What `/version` says: the Kubernetes release whose API is emulated. */
export const VERSION = {
  major: '1',
  minor: '33',
  gitVersion: 'v1.33.0+svclab',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '2025-04-23T00:00:00Z',
  goVersion: 'nodejs',
  compiler: 'nodejs',
  platform: 'linux/amd64',
} as const;
