/** RFC 3339 with whole seconds, as Kubernetes writes times. `ms` since the epoch. */
export function rfc3339(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** RFC 3339 with microseconds (metav1.MicroTime), as in leases. `ms` since the epoch. */
export function microTime(ms: number): string {
  return new Date(ms).toISOString().replace(/Z$/, '000Z');
}

/** Milliseconds since the epoch; 0 for no time, so that it sorts before every real one. */
export function timeOf(text: string | null | undefined): number {
  return text ? Date.parse(text) : 0;
}
