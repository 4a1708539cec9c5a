import { describe, expect, it } from 'vitest';
import { ProbeUsageError, parseProbeArguments, probeEndpoint, probeRequests } from './options.ts';

describe('parseProbeArguments', () => {
  it('has a pace of 10 ms and a time-out below the first SYN retransmission', () => {
    expect(parseProbeArguments(['http://172.30.0.200/'])).toMatchObject({
      intervalMs: 10,
      timeoutMs: 500,
      durationMs: undefined,
      json: false,
    });
  });
  it.each([
    [
      ['http://a/', '--interval', '5ms', '--duration', '9s', '-o', 'json'],
      { intervalMs: 5, durationMs: 9000, json: true },
    ],
    [['--duration', '12', 'http://a/'], { durationMs: 12_000 }],
    [['http://a/', '--duration', '500ms', '--timeout', '200'], { durationMs: 500, timeoutMs: 200 }],
  ])('%j', (argv, expected) => {
    expect(parseProbeArguments(argv)).toMatchObject(expected);
  });
  it.each([
    [[], 'Give one URL, not 0'],
    [['a', 'b'], 'Give one URL, not 2'],
    [['172.30.0.200'], '"172.30.0.200" is no URL'],
    [['https://a/'], 'The prober speaks http and dns, not https'],
    [['http://a/', '--type', 'A'], '--type is for dns'],
    [['http://a/', '--interval', 'fast'], '--interval does not take "fast"'],
    [['http://a/', '--interval', '0ms'], '--interval does not take "0ms"'],
    [['http://a/', '-o', 'xml'], '-o does not take "xml"'],
    [['http://a/', '--pace', '5'], "Unknown option '--pace'"],
  ])('refuses %j', (argv, message) => {
    expect(() => parseProbeArguments(argv)).toThrow(ProbeUsageError);
    expect(() => parseProbeArguments(argv)).toThrow(message);
  });
});

describe('probeRequests', () => {
  it('asks for a close on one and not on the other', () => {
    const { once, keep } = probeRequests(new URL('http://[fd00::1]:8080/a?b=c'));
    expect(once.toString()).toBe(
      'GET /a?b=c HTTP/1.1\r\nHost: [fd00::1]:8080\r\nUser-Agent: svclab-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n',
    );
    expect(keep.toString()).not.toContain('Connection');
  });
  it('finds address and port', () => {
    expect(probeEndpoint(new URL('http://[fd00::1]:8080/'))).toEqual({ host: 'fd00::1', port: 8080, literal: true });
    expect(probeEndpoint(new URL('http://shop.test/'))).toEqual({ host: 'shop.test', port: 80, literal: false });
  });
});
