/** Channel options of servers and clients: a peer that went silent is noticed within 3 s, also while no call runs (grpc-js has this off). */
export const KEEPALIVE = {
  'grpc.keepalive_time_ms': 2000,
  'grpc.keepalive_timeout_ms': 1000,
  'grpc.keepalive_permit_without_calls': 1,
} as const;

/**
 * The same for peers on one machine whose end closes the connection at once: silence then only means that one of them is busy, and a command that
 * works on a long report must not lose its session for that.
 */
export const PATIENT_KEEPALIVE = {
  ...KEEPALIVE,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 20_000,
} as const;

/** The form of an address that every part of the gRPC stack reads the same way: `unix:/a` becomes `unix:///a`, `ip:port` stays. */
export function grpcTarget(address: string): string {
  return address.replace(/^unix:(?!\/\/)/, 'unix://');
}
