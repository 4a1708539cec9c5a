/** What a lab needs of the container it is in. */
import { environmentError } from '../state/errors.ts';

/** Capabilities by their number, linux/capability.h. */
const NEEDED: Readonly<Record<string, number>> = {
  NET_BIND_SERVICE: 10,
  NET_ADMIN: 12,
  NET_RAW: 13,
  SYS_ADMIN: 21,
};

/**
 * Checks the effective capabilities of a process.
 * @param status content of its /proc/PID/status
 * Fails with a LabError that says which are missing and how to give them.
 */
export function requireCapabilities(status: string): void {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  const missing = Object.keys(NEEDED).filter((name) => ((effective >> BigInt(NEEDED[name] ?? 0)) & 1n) === 0n);
  if (missing.length > 0)
    throw environmentError(
      `The container lacks ${missing.join(', ')}: run it with --user 0:0 ${Object.keys(NEEDED)
        .map((name) => `--cap-add ${name}`)
        .join(' ')}`,
    );
}
