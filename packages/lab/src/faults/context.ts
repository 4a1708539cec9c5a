/** What faults work with, made from what both drivers have. */
import type { ChildProcess } from 'node:child_process';
import { type Clock, type LabConfig, PORTS } from '@svclab/core';
import { grpcClient, type Logger, seededRandom } from '@svclab/runtime';
import { callApi } from '../client/kube-api.ts';
import { badInput } from '../state/errors.ts';
import { API_PORT } from '../supervisor/specs.ts';
import type { CommandResult, FaultContext, FaultLab } from './definition.ts';

/** What a driver brings. */
export interface ContextParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly lab: FaultLab;
  config(): LabConfig;
  /** Bearer tokens of the lab's gRPC services and of its API. */
  readonly token: string;
  readonly apiToken: string;
  /** Directory that holds the API's `ca.crt`. */
  readonly pki: string;
  run(host: string, argv: readonly string[], stdin: string): Promise<CommandResult>;
  /** Undefined: there is no common root namespace. */
  readonly root: ((argv: readonly string[], stdin: string) => Promise<CommandResult>) | undefined;
  /** Starts a program in the common root namespace, its standard streams pipes; undefined where there is none. */
  readonly start?: (argv: readonly string[]) => ChildProcess;
  killPod(namespace: string, pod: string): Promise<void>;
}

interface PodObject {
  readonly spec?: { readonly nodeName?: string };
}

const NO_ROOT = 'There is no common root namespace in Docker: use the netns driver';

/** Context of the fault of an id. */
export function faultContext(id: string, parts: ContextParts): FaultContext {
  const { clock, lab, log } = parts;
  const api: FaultContext['api'] = (path, change) => apiCall(parts, path, change);
  return {
    id,
    clock,
    lab,
    log,
    driver: parts.config().driver,
    get config() {
      return parts.config();
    },
    run: (host, argv, options) => parts.run(host, argv, options?.stdin ?? ''),
    root(argv, options) {
      if (!parts.root) throw badInput(NO_ROOT);
      return parts.root(argv, options?.stdin ?? '');
    },
    start(argv) {
      if (!parts.start) throw badInput(NO_ROOT);
      return parts.start(argv);
    },
    async call(definition, host, port, fn) {
      const spec = parts.config().hosts.find((h) => h.name === host);
      if (!spec?.controlIP || !lab.isUp(host))
        throw badInput(`Host ${host} is down: bring it back with "svclab fault restart node/${host}"`);
      const client = grpcClient(definition, `${spec.controlIP}:${port}`, { token: parts.token, service: 'supervisor' });
      try {
        return await fn(client);
      } finally {
        client.close();
      }
    },
    api,
    async nodeOf(namespace, pod) {
      const found = await api<PodObject>(`/api/v1/namespaces/${namespace}/pods/${pod}`).catch((error: unknown) => {
        throw badInput(`Pod ${namespace}/${pod} cannot be found: ${(error as Error).message}`);
      });
      if (!found.spec?.nodeName) throw badInput(`Pod ${namespace}/${pod} runs on no node`);
      return found.spec.nodeName;
    },
    killPod: parts.killPod,
    random: (seed) => randomOf(seed),
  };
}

/** The API as the supervisor sees it: at the control address of a controller that is up. */
export function apiCall<T>(
  parts: Pick<ContextParts, 'config' | 'lab' | 'pki' | 'apiToken'>,
  path: string,
  change?: { readonly method: 'PATCH' | 'DELETE'; readonly body: unknown },
): Promise<T> {
  const controllers = parts.config().hosts.filter((h) => h.role === 'controller');
  const chosen = controllers.find((h) => parts.lab.isUp(h.name)) ?? controllers[0];
  return callApi<T>(
    { paths: { pki: parts.pki }, secrets: { apiToken: parts.apiToken } },
    `https://${chosen?.controlIP}:${API_PORT}`,
    path,
    change,
  );
}

/** Chance from a seed as people write it: a number is itself, words are hashed (FNV-1a, 32 bits). */
export function randomOf(seed: string | number): ReturnType<typeof seededRandom> {
  const text = String(seed);
  if (/^\d{1,9}$/.test(text)) return seededRandom(Number(text));
  let hash = 0x811c9dc5;
  for (const char of Buffer.from(text)) hash = Math.imul(hash ^ char, 0x01000193) >>> 0;
  return seededRandom(hash);
}

/** Port of the node-agents' gRPC service, where most faults of pods go. */
export const AGENT_PORT = PORTS.nodeAgent;
