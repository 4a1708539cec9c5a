import { type Logger, pino } from 'pino';

export type { Logger } from 'pino';

/**
 * The log of one process: JSON lines on stdout, one object a line, written synchronously so that a killed process loses none.
 * Fixed keys: `component`, `host`, `event`, `svc`, `pod`, `rev`, `reason`, `err`.
 */
export function createLogger(options: { component: string; host: string; level?: string | undefined }): Logger {
  return pino(
    {
      level: options.level ?? 'info',
      base: { component: options.component, host: options.host },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    pino.destination({ dest: 1, sync: true }),
  );
}
