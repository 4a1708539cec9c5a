/** ARP frames and what to answer. */
export * from './arp.ts';
