/** One attempt of a probe, made from the node as the kubelet makes it. Messages are the kubelet's. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import type { Container, IntOrString, Probe, ProbeOutcome } from '@svclab/core';

/** Runs a command in the container; resolves to its exit code and output. Rejects when it cannot be run. */
export type ExecInContainer = (
  command: readonly string[],
  signal: AbortSignal,
) => Promise<{ readonly code: number; readonly output: string }>;

/** Where a probe goes. */
export interface ProbeTarget {
  readonly podIP: string;
  readonly container: Container;
  readonly exec: ExecInContainer;
}

/** Makes one attempt; never rejects. */
export async function attemptProbe(probe: Probe, target: ProbeTarget, timeoutMs: number): Promise<ProbeOutcome> {
  if (probe.httpGet) return httpProbe(probe.httpGet, target, timeoutMs);
  if (probe.tcpSocket) {
    const port = portNumber(probe.tcpSocket.port, target.container);
    if (port === undefined) return unknownPort(probe.tcpSocket.port);
    return tcpProbe(probe.tcpSocket.host ?? target.podIP, port, timeoutMs);
  }
  if (probe.exec) return execProbe(probe.exec.command ?? [], target.exec, timeoutMs);
  return { ok: false, message: 'probe has no handler that is served here: httpGet, tcpSocket and exec are' };
}

/** A port by number, or by the name of a container port. */
export function portNumber(port: IntOrString, container: Container): number | undefined {
  if (typeof port === 'number') return port;
  return (
    container.ports?.find((p) => p.name === port)?.containerPort ?? (/^\d+$/.test(port) ? Number(port) : undefined)
  );
}

function unknownPort(port: IntOrString): ProbeOutcome {
  return { ok: false, message: `couldn't find port: ${port}`, errored: true };
}

function httpProbe(
  get: NonNullable<Probe['httpGet']>,
  { podIP, container }: ProbeTarget,
  timeoutMs: number,
): Promise<ProbeOutcome> {
  const port = portNumber(get.port, container);
  if (port === undefined) return Promise.resolve(unknownPort(get.port));
  const secure = get.scheme === 'HTTPS';
  const host = get.host ?? podIP;
  const path = `/${(get.path ?? '/').replace(/^\//, '')}`;
  const url = `${secure ? 'https' : 'http'}://${host}:${port}${path}`;
  const headers: Record<string, string> = { 'user-agent': 'kube-probe/1.34', accept: '*/*', connection: 'close' };
  for (const { name, value } of get.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const request = (secure ? httpsRequest : httpRequest)(
      url,
      // Certificates are not verified, as the kubelet does not.
      { method: 'GET', headers, agent: false, signal, ...(secure ? { rejectUnauthorized: false } : {}) },
      (response: IncomingMessage) => {
        const code = response.statusCode ?? 0;
        response.destroy();
        resolve(
          code >= 200 && code < 400
            ? { ok: true }
            : { ok: false, message: `HTTP probe failed with statuscode: ${code}` },
        );
      },
    );
    request.on('error', (error) =>
      resolve({
        ok: false,
        message: signal.aborted
          ? `Get "${url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`
          : `Get "${url}": ${dialError(host, port, error)}`,
      }),
    );
    request.end();
  });
}

function tcpProbe(host: string, port: number, timeoutMs: number): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, signal: AbortSignal.timeout(timeoutMs) });
    socket.on('connect', () => {
      socket.destroy();
      resolve({ ok: true });
    });
    socket.on('error', (error) =>
      resolve({
        ok: false,
        message: error.name === 'AbortError' ? `dial tcp ${host}:${port}: i/o timeout` : dialError(host, port, error),
      }),
    );
  });
}

function dialError(host: string, port: number, error: NodeJS.ErrnoException): string {
  const texts: Record<string, string> = {
    ECONNREFUSED: 'connect: connection refused',
    EHOSTUNREACH: 'connect: no route to host',
    ENETUNREACH: 'connect: network is unreachable',
    ECONNRESET: 'read: connection reset by peer',
  };
  return `dial tcp ${host}:${port}: ${texts[error.code ?? ''] ?? error.message}`;
}

async function execProbe(command: readonly string[], exec: ExecInContainer, timeoutMs: number): Promise<ProbeOutcome> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const { code, output } = await exec(command, signal);
    return code === 0 ? { ok: true } : { ok: false, message: output.slice(0, 1024) };
  } catch (error) {
    if (signal.aborted)
      return {
        ok: false,
        message: `command timed out: "${command.join(' ')}" timed out after ${timeoutMs / 1000}s`,
      };
    return { ok: false, message: (error as Error).message, errored: true };
  }
}
