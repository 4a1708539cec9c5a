import { describe, expect, it } from 'vitest';
import { type ArpFrame, arpReply, BROADCAST, decodeArp, encodeArp, gratuitousRound } from './arp.ts';

const mine = '02:00:00:00:00:01';
const theirs = '02:00:00:00:00:02';
const request: ArpFrame = {
  destination: BROADCAST,
  source: theirs,
  operation: 'request',
  senderMac: theirs,
  senderIP: '10.0.0.9',
  targetMac: '00:00:00:00:00:00',
  targetIP: '10.0.0.1',
};

describe('frames', () => {
  it.each([request, ...gratuitousRound('10.0.0.1', mine)])('$operation survives the wire', (frame) => {
    expect(decodeArp(encodeArp(frame))).toEqual(frame);
  });
  it('has 42 bytes and the fields of RFC 826', () => {
    const hex = Buffer.from(encodeArp(request)).toString('hex');
    expect(hex).toBe('ffffffffffff0200000000020806000108000604000102000000000' + '20a0000090000000000000a000001');
  });
  it.each([
    ['short', new Uint8Array(41)],
    ['another EtherType', Uint8Array.from(encodeArp(request)).fill(0x86, 12, 13)],
    ['an unknown operation', Uint8Array.from(encodeArp(request)).fill(9, 21, 22)],
  ])('%s is no ARP', (_, bytes) => {
    expect(decodeArp(bytes)).toBeUndefined();
  });
});

describe('arpReply', () => {
  const announces = (ip: string) => ip === '10.0.0.1';
  it('answers the asker alone, with the MAC of the interface that was asked', () => {
    expect(arpReply(request, mine, announces)).toEqual({
      destination: theirs,
      source: mine,
      operation: 'reply',
      senderMac: mine,
      senderIP: '10.0.0.1',
      targetMac: theirs,
      targetIP: '10.0.0.9',
    });
  });
  it.each([
    ['a unicast request to us is answered', { destination: mine }, true],
    ['one to somebody else is not', { destination: theirs }, false],
    ['a reply is not', { operation: 'reply' as const }, false],
    ['an address we do not announce is not', { targetIP: '10.0.0.2' }, false],
  ])('%s', (_, change, answered) => {
    expect(arpReply({ ...request, ...change }, mine, announces) !== undefined).toBe(answered);
  });
});
