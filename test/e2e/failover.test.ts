/** A VIP's owner dies: what the wire shows, who answers, and who answers after it has come back. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab, until } from './lab.ts';

describe('the owner of a VIP is powered off', () => {
  let lab: Lab;
  let ip: string;

  beforeAll(async () => {
    lab = await Lab.up();
    await lab.pool();
    ip = await lab.web('web', 3);
  });
  afterAll(() => lab?.down());

  /** MAC addresses that answer ARP for the VIP on the client's LAN. */
  async function macs(): Promise<string[]> {
    const { stdout } = await lab.client('arping', '-c', '3', '-w', '3', ip);
    return [...new Set((stdout.match(/(?:[0-9a-f]{2}:){5}[0-9a-f]{2}/gi) ?? []).map((m) => m.toLowerCase()))];
  }

  it('the client sees the gratuitous burst, one other MAC answers, and the owner takes the VIP back when it returns', async () => {
    const owner = await lab.owner('default/web');
    const before = await macs();
    expect(before).toHaveLength(1);

    const capture = lab.startClient(
      'tcpdump',
      '-l',
      '-n',
      '-e',
      '-i',
      await lab.clientInterface(),
      'arp',
      'and',
      'ether',
      'broadcast',
    );
    let seen = '';
    capture.stdout?.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    let talk = '';
    capture.stderr?.on('data', (chunk: Buffer) => {
      talk += chunk.toString();
    });
    await until('tcpdump listens', async () => talk.includes('listening on'));

    await lab.ok('fault', 'kill', 'owner/default/web');
    const requests = () =>
      seen.split('\n').filter((l) => l.includes(`who-has ${ip}`) && l.includes(`tell ${ip}`)).length;
    const replies = () => seen.split('\n').filter((l) => l.includes(`${ip} is-at`)).length;
    await until('five rounds, each a request and a reply, were seen', async () => requests() >= 5 && replies() >= 5);
    capture.kill('SIGTERM');

    const successor = await lab.owner('default/web');
    expect(successor).not.toBe(owner);
    const during = await macs();
    expect(during).toHaveLength(1);
    expect(during).not.toEqual(before);

    await lab.ok('fault', 'restart', `node/${owner}`);
    await until(`${owner} owns the VIP again`, async () => (await lab.owner('default/web')) === owner);
    await until('one MAC answers again', async () => (await macs()).length === 1);
    await until(
      `${owner} is Ready`,
      async () =>
        (await lab.kube(['get', 'node', owner, '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'])) ===
        'True',
    );
    await until(
      'the VIP answers',
      async () => (await lab.client('curl', '-s', '-o', '/dev/null', '-m', '1', `http://${ip}/`)).code === 0,
    );
  });

  it('the announcer alone dies: clients with a cached MAC lose nothing, another node answers ARP', async () => {
    const owner = await lab.owner('default/web');
    const report = await lab.probe(`http://${ip}/`, 5, async () => {
      await lab.ok('fault', 'kill', `announcer/${owner}`, '--hold');
      await until('another node owns the VIP', async () => (await lab.owner('default/web')) !== owner);
    });
    expect(report.new.lost).toBe(0);
    await lab.ok('fault', 'restart', `announcer/${owner}`);
    await until(`${owner} owns the VIP again`, async () => (await lab.owner('default/web')) === owner);
  });

  it('the timeline holds every step, in order', async () => {
    const events = JSON.parse(await lab.ok('timeline', '-o', 'json')) as { type: string; atNs: string }[];
    const first = (type: string) => events.findIndex((e) => e.type === type);
    const fault = first('fault.effective');
    for (const type of [
      'member.suspected',
      'member.dead',
      'vip.elected',
      'vip.announced',
      'node.not-ready',
      'endpoints.changed',
      'rules.programmed',
    ])
      expect(
        events.slice(fault).some((e) => e.type === type),
        type,
      ).toBe(true);
  });
});
