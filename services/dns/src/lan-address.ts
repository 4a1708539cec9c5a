/** Where resolvers find this server now. */
import { inRange, parseCidr, parseIp } from '@svclab/core';

/** An address of an interface, as `os.networkInterfaces()` lists them. */
export interface LocalAddress {
  readonly family: string;
  readonly address: string;
}

/**
 * The server's own address if it has it, else another one of the LAN: a container that is connected to its network again may be given
 * one, and may not change it. Undefined while it has none: nobody reaches it then.
 */
export function lanAddress(local: readonly LocalAddress[], own: string, lanCIDR: string): string | undefined {
  const lan = parseCidr(lanCIDR);
  const isLan = ({ family, address }: LocalAddress): boolean => {
    const ip = parseIp(address);
    return family === 'IPv4' && lan !== undefined && ip !== undefined && inRange(lan, ip);
  };
  const found = local.filter(isLan).map((a) => a.address);
  return found.includes(own) ? own : found[0];
}
