import { afterEach, describe, expect, it } from 'vitest';
import { OneNode } from '../../test/one-node.ts';

let node: OneNode;
afterEach(() => node.stopAgent());

/** A node whose pod `web` runs. */
async function start(change: Parameters<OneNode['bind']>[1] = {}): Promise<OneNode> {
  node = new OneNode();
  node.startAgent();
  await node.bind('web', change);
  return node;
}

const message = (): string | undefined => node.pod('web')?.status?.containerStatuses?.[0]?.state?.waiting?.message;

describe('a container that ends', () => {
  it('is started again at once, then with the back-off of the kubelet', async () => {
    const { host } = await start();
    const waits: string[] = [];
    for (let i = 0; i < 8; i++) {
      host.pod('web').exit('app', 1);
      await node.pass(0.1);
      waits.push(/back-off (\S+) /.exec(message() ?? '')?.[1] ?? 'none');
      let seconds = 0;
      for (; host.pod('web').stateOf('app') !== 'running'; seconds++) await node.pass(1);
      expect(seconds).toBe([0, 10, 20, 40, 80, 160, 300, 300][i]);
    }
    expect(waits).toEqual(['none', '10s', '20s', '40s', '1m20s', '2m40s', '5m0s', '5m0s']);
    expect(node.line('web')).toBe('Running ready running restarts=8');
  });

  it('shows the back-off and its last end', async () => {
    const { host } = await start();
    host.pod('web').exit('app', 1);
    await node.pass(1);
    host.pod('web').exit('app', 3);
    await node.pass(1);
    expect(node.line('web')).toBe('Running unready CrashLoopBackOff restarts=1');
    expect(message()).toBe('back-off 10s restarting failed container=app pod=web_shop(uid-web)');
    expect(node.pod('web')?.status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode).toBe(3);
    expect(node.events).toContain('BackOff: Back-off restarting failed container app in pod web_shop(uid-web)');
  });

  it('is started again though pod-host did not answer at first', async () => {
    const { host } = await start();
    host.failNext('restartContainer', 2);
    host.pod('web').exit('app', 1);
    await node.pass(3);
    expect(node.line('web')).toBe('Running ready running restarts=1');
  });

  it('forgets the back-off when it has run for ten minutes', async () => {
    const { host } = await start();
    for (let i = 0; i < 3; i++) {
      host.pod('web').exit('app', 1);
      await node.pass(41);
    }
    await node.pass(601);
    host.pod('web').exit('app', 1);
    await node.pass(0.1);
    expect(node.line('web')).toBe('Running ready running restarts=4');
  });

  it.each([
    ['Never', 0, 'Succeeded unready Completed:0 restarts=0', 'PodCompleted'],
    ['Never', 1, 'Failed unready Error:1 restarts=0', 'PodFailed'],
    ['OnFailure', 0, 'Succeeded unready Completed:0 restarts=0', 'PodCompleted'],
    ['OnFailure', 1, 'Running ready running restarts=1', undefined],
    ['Always', 0, 'Running ready running restarts=1', undefined],
  ])('with restartPolicy %s and exit code %i: %s', async (restartPolicy, code, line, reason) => {
    const { host } = await start({ spec: { restartPolicy } });
    host.pod('web').exit('app', code);
    await node.pass(400);
    expect(node.line('web')).toBe(line);
    expect(node.pod('web')?.status?.conditions?.find((c) => c.type === 'Ready')?.reason).toBe(reason);
    expect(node.pod('web')?.status?.podIP).toBe('10.244.1.2');
  });
});

describe('a container whose liveness probe fails', () => {
  const probed = (restartPolicy: string) => ({
    spec: { restartPolicy },
    container: { livenessProbe: { exec: { command: ['alive'] }, periodSeconds: 1, failureThreshold: 2 } },
  });

  it('is ended and started again, and goes into back-off', async () => {
    await start(probed('Always'));
    await node.pass(1.1);
    expect(node.line('web')).toBe('Running ready running restarts=1');
    expect(node.events).toContain('Killing: Container app failed liveness probe, will be restarted');
    await node.pass(1.5);
    expect(node.line('web')).toBe('Running unready CrashLoopBackOff restarts=1');
    node.host.command = () => ({ code: 0, output: '' });
    await node.pass(10);
    expect(node.line('web')).toBe('Running ready running restarts=2');
  });

  it('is started again with OnFailure though it ended with code 0', async () => {
    await start(probed('OnFailure'));
    await node.pass(1.1);
    expect(node.line('web')).toBe('Running ready running restarts=1');
  });

  it('stays ended with Never, and the event does not promise more', async () => {
    await start(probed('Never'));
    await node.pass(30);
    expect(node.line('web')).toBe('Succeeded unready Completed:0 restarts=0');
    expect(node.events).toContain('Killing: Container app failed liveness probe');
  });

  it('is ended though pod-host did not answer at first', async () => {
    await start(probed('Always'));
    node.host.failNext('stopContainer', 1);
    await node.pass(2.2);
    expect(node.line('web')).toMatch(/restarts=1$/);
  });
});

describe('pod-host begins anew', () => {
  it('and its pods too, with another address and one restart more', async () => {
    const { host } = await start();
    host.restart();
    await node.pass(0.5);
    expect(node.line('web')).toBe('Running ready running restarts=1');
    expect(node.pod('web')?.status).toMatchObject({
      podIP: '10.244.1.3',
      containerStatuses: [{ lastState: { terminated: { exitCode: 255, reason: 'Unknown' } } }],
    });
    host.restart();
    await node.pass(0.5);
    expect(node.line('web')).toBe('Running ready running restarts=2');
    expect(
      node.told.some(({ status }) => status.phase === 'Pending' && status.containerStatuses?.[0]?.restartCount),
    ).toBe(false);
  });

  it('together with the agent: the pods have another address and one restart more', async () => {
    const { host } = await start();
    node.stopAgent();
    host.restart();
    node.startAgent();
    await node.pass(0.5);
    expect(node.line('web')).toBe('Running ready running restarts=1');
    expect(node.pod('web')?.status?.podIP).toBe('10.244.1.3');
  });

  it('and the pods run on when only the connection was lost', async () => {
    const { host } = await start();
    const before = node.pod('web');
    host.breakWatches();
    await node.pass(5);
    expect(node.pod('web')).toEqual(before);
  });

  it.each([
    ['agent lives', false],
    ['agent begins anew too', true],
  ])('and a pod that is never to be restarted has failed (%s)', async (_, both) => {
    const { host } = await start({ spec: { restartPolicy: 'Never' } });
    if (both) node.stopAgent();
    host.restart();
    if (both) node.startAgent();
    await node.pass(5);
    expect(node.line('web')).toBe('Failed unready Unknown:255 restarts=0');
    expect(host.names()).toEqual([]);
  });

  it('and a pod that had ended well stays so', async () => {
    const { host } = await start({ spec: { restartPolicy: 'OnFailure' } });
    host.pod('web').exit('app', 0);
    await node.pass(1);
    host.restart();
    await node.pass(5);
    expect(node.line('web')).toBe('Succeeded unready Completed:0 restarts=0');
    expect(host.names()).toEqual([]);
  });
});
