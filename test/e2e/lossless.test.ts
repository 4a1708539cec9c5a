/** Planned changes lose nothing: a terminating pod serves until no node's rules send to it any more. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab, until } from './lab.ts';

describe('planned changes under probe', () => {
  let lab: Lab;
  let ip: string;

  beforeAll(async () => {
    lab = await Lab.up();
    await lab.pool();
    ip = await lab.web('web', 4);
  });
  afterAll(() => lab?.down());

  it('kubectl delete pod loses no new connection', async () => {
    const pods = (await lab.kube(['get', 'pods', '-l', 'app=web', '-o', 'name'])).trim().split('\n');
    const report = await lab.probe(`http://${ip}/`, 6, async () => {
      await lab.kube(['delete', pods[0] ?? '', '--wait=false']);
    });
    expect(report.new.sent).toBeGreaterThan(300);
    expect(report.new.outcomes).toEqual({ ok: report.new.sent });
    expect(report.new.lost).toBe(0);
    await lab.kube(['rollout', 'status', 'deploy/web', '--timeout=60s']);
  });

  it('kubectl scale down loses no new connection', async () => {
    const report = await lab.probe(`http://${ip}/`, 6, async () => {
      await lab.kube(['scale', 'deploy/web', '--replicas=1']);
    });
    expect(report.new.sent).toBeGreaterThan(300);
    expect(report.new.lost).toBe(0);
    await until(
      'one pod is left',
      async () => (await lab.kube(['get', 'pods', '-l', 'app=web', '-o', 'name'])).trim().split('\n').length === 1,
    );
  });

  it('a rolling update loses no new connection', async () => {
    await lab.kube(['scale', 'deploy/web', '--replicas=3']);
    await lab.kube(['rollout', 'status', 'deploy/web', '--timeout=60s']);
    const report = await lab.probe(`http://${ip}/`, 10, async () => {
      await lab.kube(['set', 'image', 'deploy/web', 'web=nginx:1.27']);
      await lab.kube(['rollout', 'status', 'deploy/web', '--timeout=60s']);
    });
    expect(report.new.lost).toBe(0);
    const images = await lab.kube([
      'get',
      'pods',
      '-l',
      'app=web',
      '-o',
      'jsonpath={.items[*].spec.containers[0].image}',
    ]);
    expect(new Set(images.split(' '))).toEqual(new Set(['nginx:1.27']));
  });
});
