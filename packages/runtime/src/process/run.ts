import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, METRICS_PORTS, type MetricsComponent, type Random } from '@svclab/core';
import { type Bus, connectBus } from '../bus/bus.ts';
import { Timeline } from '../bus/timeline.ts';
import { busMetrics } from '../metrics/bus-metrics.ts';
import { type Metrics, NO_METRICS } from '../metrics/metrics.ts';
import { serveMetrics } from '../metrics/serve.ts';
import { systemClock, systemRandom } from './clock.ts';
import { ConfigError, type ProcessConfig, readProcessConfig } from './config.ts';
import { createLogger, type Logger } from './log.ts';

/** What a service's main function gets. */
export interface ProcessContext {
  readonly component: string;
  readonly config: ProcessConfig;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: Random;
  readonly bus: Bus;
  readonly timeline: Timeline;
  /** Where the process declares its metrics; does nothing in a lab without them. */
  readonly metrics: Metrics;
  /** Aborted on SIGTERM or SIGINT: stop taking work, finish, return. */
  readonly signal: AbortSignal;
  /** Says that the process serves: writes `<component>.ready` in the run directory and stamps the timeline. */
  ready(): void;
  /** Runs `fn` when the process stops, last registered first. */
  onStop(fn: () => void | Promise<void>): void;
}

/**
 * Runs one service process: configuration, log, bus, timeline, signals, ready file.
 * `main` sets things up and returns; the process then lives until a signal. It exits with 0 after a signal, 1 after a fault
 * (the supervisor restarts it), 2 when its configuration is unusable.
 * In a lab with metrics it also serves them on the host's control address.
 * @param waitForBus false for a process that must serve before the bus can be reached (pod-host); it then gets a bus that connects in the background
 */
export async function runProcess(
  component: MetricsComponent,
  main: (context: ProcessContext) => Promise<void>,
  options: { waitForBus?: boolean } = {},
): Promise<void> {
  let config: ProcessConfig;
  try {
    config = readProcessConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${component}: ${error.message}\n`);
    process.exit(2);
  }
  const log = createLogger({ component, host: config.host.name, level: config.logLevel });
  const abort = new AbortController();
  const stops: (() => void | Promise<void>)[] = [];
  const readyFile = join(config.runDir, `${component}.ready`);
  mkdirSync(config.runDir, { recursive: true });
  rmSync(readyFile, { force: true });

  const stop = async (code: number): Promise<void> => {
    if (abort.signal.aborted) return;
    abort.abort();
    rmSync(readyFile, { force: true });
    for (const fn of stops.reverse()) {
      try {
        await fn();
      } catch (err) {
        log.warn({ event: 'stop-failed', err });
      }
    }
    process.exit(code);
  };
  process.on('SIGTERM', () => void stop(0));
  process.on('SIGINT', () => void stop(0));
  const fatal = (err: unknown): void => {
    log.fatal({ event: 'fatal', err });
    rmSync(readyFile, { force: true });
    process.exit(1);
  };
  process.on('uncaughtException', fatal);
  process.on('unhandledRejection', fatal);

  const bus = await connectBus({
    servers: config.lab.natsServers,
    user: config.busUser,
    password: config.busPassword,
    name: `${component}@${config.host.name}`,
    log,
    wait: options.waitForBus ?? true,
  });
  const timeline = new Timeline({ bus, clock: systemClock, node: config.host.name, component });
  const metrics = await openMetrics(component, config, log, stops);
  busMetrics(metrics, bus);
  stops.push(() => bus.close());
  void bus.closed.then((err) => {
    if (!abort.signal.aborted) fatal(err ?? new Error('Bus connection has ended'));
  });
  timeline.stamp('process.started', {
    attrs: { process: `${component}@${config.host.name}`, pid: String(process.pid) },
  });

  await main({
    component,
    config,
    log,
    clock: systemClock,
    random: systemRandom,
    bus,
    timeline,
    metrics,
    signal: abort.signal,
    ready() {
      writeFileSync(readyFile, `${process.pid}\n`);
      timeline.stamp('process.ready', {
        attrs: { process: `${component}@${config.host.name}`, pid: String(process.pid) },
      });
      log.info({ event: 'ready' });
    },
    onStop: (fn) => void stops.push(fn),
  });
}

/** The metrics and their listener, where the lab has them and the host has an address to serve them on. */
async function openMetrics(
  component: MetricsComponent,
  { lab, host }: ProcessConfig,
  log: Logger,
  stops: (() => void | Promise<void>)[],
): Promise<Metrics> {
  if (!lab.metrics || host.controlIP === undefined) return NO_METRICS;
  const served = await serveMetrics({
    host: host.controlIP,
    port: METRICS_PORTS[component],
    component,
    node: host.name,
    log,
  });
  stops.push(served.close);
  return served.metrics;
}
