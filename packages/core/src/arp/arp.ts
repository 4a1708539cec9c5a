/** ARP over Ethernet for IPv4 (RFC 826, RFC 5227): frames as bytes. */

/** EtherType of ARP. */
export const ETHERTYPE_ARP = 0x0806;
/** Broadcast hardware address. */
export const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const FRAME_BYTES = 42;

/** One ARP packet with its Ethernet addresses. MAC addresses in lower case with colons. */
export interface ArpFrame {
  /** Ethernet destination and source. */
  readonly destination: string;
  readonly source: string;
  readonly operation: 'request' | 'reply';
  readonly senderMac: string;
  readonly senderIP: string;
  readonly targetMac: string;
  readonly targetIP: string;
}

const macBytes = (mac: string): number[] => mac.split(':').map((b) => Number.parseInt(b, 16));
const ipBytes = (ip: string): number[] => ip.split('.').map(Number);
const macText = (bytes: Uint8Array): string => [...bytes].map((b) => b.toString(16).padStart(2, '0')).join(':');
const ipText = (bytes: Uint8Array): string => [...bytes].join('.');

/** The bytes of a frame. */
export function encodeArp(frame: ArpFrame): Uint8Array {
  return Uint8Array.from([
    ...macBytes(frame.destination),
    ...macBytes(frame.source),
    ETHERTYPE_ARP >> 8,
    ETHERTYPE_ARP & 0xff,
    ...[0, 1, 8, 0, 6, 4, 0, frame.operation === 'request' ? 1 : 2],
    ...macBytes(frame.senderMac),
    ...ipBytes(frame.senderIP),
    ...macBytes(frame.targetMac),
    ...ipBytes(frame.targetIP),
  ]);
}

/** A frame from bytes; undefined when it is no ARP for IPv4 over Ethernet. */
export function decodeArp(bytes: Uint8Array): ArpFrame | undefined {
  if (bytes.length < FRAME_BYTES) return undefined;
  const head = [0x08, 0x06, 0, 1, 8, 0, 6, 4, 0];
  if (head.some((b, i) => bytes[12 + i] !== b)) return undefined;
  const operation = bytes[21] === 1 ? 'request' : bytes[21] === 2 ? 'reply' : undefined;
  if (!operation) return undefined;
  return {
    destination: macText(bytes.subarray(0, 6)),
    source: macText(bytes.subarray(6, 12)),
    operation,
    senderMac: macText(bytes.subarray(22, 28)),
    senderIP: ipText(bytes.subarray(28, 32)),
    targetMac: macText(bytes.subarray(32, 38)),
    targetIP: ipText(bytes.subarray(38, 42)),
  };
}

/**
 * What to answer to a frame seen on an interface; undefined for nothing. Requests only, sent to everyone or to us, for an address we announce;
 * the answer goes to the asker alone and carries the MAC of the interface that was asked. Source: metallb/metallb `internal/layer2/arp.go`.
 */
export function arpReply(frame: ArpFrame, mac: string, announces: (ip: string) => boolean): ArpFrame | undefined {
  if (frame.operation !== 'request') return undefined;
  if (frame.destination !== BROADCAST && frame.destination !== mac) return undefined;
  if (!announces(frame.targetIP)) return undefined;
  return {
    destination: frame.senderMac,
    source: mac,
    operation: 'reply',
    senderMac: mac,
    senderIP: frame.targetIP,
    targetMac: frame.senderMac,
    targetIP: frame.senderIP,
  };
}

/** One gratuitous round for an address: a request and a reply, both broadcast, sender and target the address itself. */
export function gratuitousRound(ip: string, mac: string): readonly [ArpFrame, ArpFrame] {
  const frame = (operation: 'request' | 'reply'): ArpFrame => ({
    destination: BROADCAST,
    source: mac,
    operation,
    senderMac: mac,
    senderIP: ip,
    targetMac: BROADCAST,
    targetIP: ip,
  });
  return [frame('request'), frame('reply')];
}
