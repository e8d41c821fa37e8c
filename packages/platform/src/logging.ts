import { trace } from '@opentelemetry/api';
import { type Logger, pino } from 'pino';

export type { Logger } from 'pino';

/**
 * A service's log: JSON lines on stderr, or in a file. Secrets never get in: settings are logged by
 * name only. Lines inside a span carry its trace id.
 */
export function createLogger(service: string, level: string, file?: string): Logger {
  const destination = file ? pino.destination({ dest: file, mkdir: true, sync: true }) : pino.destination(2);
  // A full disk costs log lines, not the process.
  destination.on('error', () => {});
  return pino(
    {
      level,
      base: { service, pid: process.pid },
      mixin: () => {
        const span = trace.getActiveSpan()?.spanContext();
        return span ? { trace: span.traceId } : {};
      },
    },
    destination,
  );
}
