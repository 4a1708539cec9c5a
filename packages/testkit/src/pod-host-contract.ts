import type { EnsurePodRequest, HostedContainer, WatchPodsResponse } from '@svclab/wire';
import { afterEach, describe, expect, it } from 'vitest';
import type { PodHostCalls } from './fake-pod-host.ts';

const UID = 'uid-web';
const target = { namespace: 'shop', pod: 'web' };

/** A request for `shop/web` with one container. */
function request(annotations: Record<string, string> = {}, containers = ['main']): EnsurePodRequest {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'shop', uid: UID, annotations },
    spec: {
      containers: containers.map((name, i) => ({ name, image: 'nginx', ports: [{ containerPort: 80 + i }] })),
      terminationGracePeriodSeconds: 5,
    },
  };
  return {
    namespace: 'shop',
    name: 'web',
    uid: UID,
    podJson: Buffer.from(JSON.stringify(pod)),
    ip: '10.244.1.5',
    gateway: '10.244.1.1',
    nameservers: [],
    searches: [],
    env: {},
    hostInterface: '',
    mtu: 0,
  };
}

/** What every pod-host must do; run on the fake and on the real one. `open` is called in each test and gives one without pods. */
export function describePodHostContract(name: string, open: () => PodHostCalls): void {
  const watches: AbortController[] = [];
  afterEach(() => {
    for (const watch of watches.splice(0)) watch.abort();
  });

  /** Follows the pods from their first message on; `next` gives the next one that `wanted` takes. */
  const watch = async (host: PodHostCalls) => {
    const abort = new AbortController();
    watches.push(abort);
    const messages = host.watchPods({}, { signal: abort.signal })[Symbol.asyncIterator]();
    const snapshot: WatchPodsResponse = (await messages.next()).value;
    const next = async (wanted: (message: WatchPodsResponse) => boolean): Promise<WatchPodsResponse> => {
      for (;;) {
        const { value, done } = await messages.next();
        if (done) throw new Error('Watch has ended before the message that was waited for');
        if (wanted(value)) return value;
      }
    };
    return { snapshot, next };
  };
  const first = async (host: PodHostCalls): Promise<HostedContainer | undefined> =>
    (await host.listPods({})).pods[0]?.containers[0];
  const state = (message: WatchPodsResponse): string => message.pod?.containers[0]?.state ?? '';
  const run = async (host: PodHostCalls, command: string[]): Promise<unknown> => {
    async function* input() {
      const start = { ...target, container: 'main', command, stdin: false, tty: false };
      yield { message: { $case: 'start' as const, value: start } };
      yield { message: { $case: 'stdinEof' as const, value: true } };
    }
    for await (const { message } of host.exec(input())) if (message?.$case === 'exit') return message.value;
    return undefined;
  };

  describe(`pod-host contract: ${name}`, () => {
    it('makes a pod once for a uid and runs its containers', async () => {
      const host = open();
      const [a, b] = await Promise.all([host.ensurePod(request()), host.ensurePod(request())]);
      expect(a.hostInterface).not.toBe('');
      expect(b).toEqual(a);
      const { pods } = await host.listPods({});
      expect(pods).toMatchObject([{ namespace: 'shop', name: 'web', uid: UID, ip: '10.244.1.5' }]);
      expect(pods[0]?.containers).toMatchObject([{ name: 'main', state: 'running', restartCount: 0, exitCode: 0 }]);
      expect(Number(pods[0]?.containers[0]?.startedWallMs)).toBeGreaterThan(0);
    });

    it('begins a watch with a snapshot, empty or not, and goes on with the changes', async () => {
      const host = open();
      const { snapshot, next } = await watch(host);
      expect(snapshot).toEqual({ pod: undefined, removed: false, synced: true });
      await host.ensurePod(request());
      expect(await next((m) => state(m) === 'running')).toMatchObject({ removed: false, synced: false });
      expect((await watch(host)).snapshot).toMatchObject({ pod: { uid: UID }, removed: false, synced: true });
    });

    it('ends a container with code 0 and leaves it so, and starts it as another run', async () => {
      const host = open();
      await host.ensurePod(request());
      const before = await first(host);
      await host.stopContainer({ uid: UID, container: 'main' });
      const ended = { state: 'terminated', exitCode: 0, reason: 'Completed', restartCount: 0 };
      expect(await first(host)).toMatchObject({ ...ended, containerId: before?.containerId });
      await host.ensurePod(request());
      expect(await first(host)).toMatchObject(ended);
      await host.restartContainer({ uid: UID, container: 'main', reason: '' });
      expect(await first(host)).toMatchObject({ state: 'running', exitCode: 0, restartCount: 1 });
      expect((await first(host))?.containerId).not.toBe(before?.containerId);
    });

    it('ends a container that runs before it starts it again', async () => {
      const host = open();
      const { next } = await watch(host);
      await host.ensurePod(request());
      await host.restartContainer({ uid: UID, container: 'main', reason: '' });
      await next((m) => state(m) === 'terminated');
      expect((await next((m) => state(m) === 'running')).pod?.containers[0]?.restartCount).toBe(1);
    });

    it('kills containers and keeps the pod', async () => {
      const host = open();
      await host.ensurePod(request({}, ['main', 'side']));
      await host.killPod(target);
      const killed = { state: 'terminated', exitCode: 137, reason: 'Error' };
      expect((await host.listPods({})).pods[0]?.containers).toMatchObject([killed, killed]);
    });

    it('stops a pod, saying how its containers ended, and does nothing for one that is not there', async () => {
      const host = open();
      const { next } = await watch(host);
      await host.ensurePod(request());
      await host.stopPod({ uid: UID, signalOnly: true });
      expect(await first(host)).toMatchObject({ state: 'running' });
      await host.stopPod({ uid: UID });
      expect((await next((m) => state(m) === 'terminated')).removed).toBe(false);
      expect((await next((m) => m.removed)).pod).toMatchObject({ uid: UID, containers: [{ exitCode: 0 }] });
      expect((await host.listPods({})).pods).toEqual([]);
      await host.stopPod({ uid: UID });
    });

    it('holds containers of a runtime it does not have', async () => {
      const host = open();
      await host.ensurePod(request({ 'svclab.dev/runtime': 'process' }));
      await host.restartContainer({ uid: UID, container: 'main', reason: '' });
      expect(await first(host)).toMatchObject({
        state: 'waiting',
        reason: 'CreateContainerConfigError',
        containerId: '',
        restartCount: 0,
      });
    });

    it('refuses what is about a pod or container that is not there', async () => {
      const host = open();
      await expect(host.killPod(target)).rejects.toThrow(/NOT_FOUND/);
      await expect(host.stopContainer({ uid: UID, container: 'main' })).rejects.toThrow(/NOT_FOUND/);
      await host.ensurePod(request());
      await expect(host.restartContainer({ uid: UID, container: 'x', reason: '' })).rejects.toThrow(/NOT_FOUND/);
    });

    it('runs commands in containers that run', async () => {
      const host = open();
      await host.ensurePod(request());
      expect(await run(host, ['true'])).toMatchObject({ code: 0, error: '' });
      expect(await run(host, ['false'])).toMatchObject({ code: 1, error: '' });
      await host.stopContainer({ uid: UID, container: 'main' });
      await expect(run(host, ['true'])).rejects.toThrow(/FAILED_PRECONDITION/);
    });
  });
}
