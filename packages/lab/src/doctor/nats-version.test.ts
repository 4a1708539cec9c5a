import { describe, expect, it } from 'vitest';
import { clusterDoubt } from './nats-version.ts';

describe('clusterDoubt', () => {
  it.each([
    ['nats-server: v2.9.10', /^nats-server 2\.9 is old for a cluster: before 2\.11 /],
    ['nats-server: v2.10.27', /^nats-server 2\.10 is old/],
  ])('has something to say about %s', (text, says) => {
    expect(clusterDoubt(text)).toMatch(says);
  });

  it.each(['nats-server: v2.11.0', 'nats-server: v2.15.1', 'nats-server: v3.0.0', ''])(
    'has nothing to say about "%s"',
    (text) => {
      expect(clusterDoubt(text)).toBeUndefined();
    },
  );
});
