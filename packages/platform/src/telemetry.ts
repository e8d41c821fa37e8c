import { messageOf } from '@mcld/errors/text.js';
import { context, metrics, propagation, SpanStatusCode, trace } from '@opentelemetry/api';

/**
 * OpenTelemetry, wired here and nowhere else. Off unless the standard variables name an exporter;
 * then only the API's no-ops run. gRPC calls are traced by explicit middleware (see grpc/), since
 * instrumentation that patches modules as they load does not see ES modules.
 */
export function telemetryWanted(environment: NodeJS.ProcessEnv = process.env): boolean {
  if (environment.OTEL_SDK_DISABLED === 'true') return false;
  return Object.keys(environment).some(
    (name) => name.startsWith('OTEL_EXPORTER_OTLP') || /^OTEL_(TRACES|METRICS)_EXPORTER$/.test(name),
  );
}

/** Starts the SDK where wanted. @returns what flushes and stops it */
export async function startTelemetry(service: string): Promise<() => Promise<void>> {
  if (!telemetryWanted()) return async () => {};
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  process.env.OTEL_LOGS_EXPORTER ??= 'none';
  process.env.OTEL_METRICS_EXPORTER ??= 'otlp';
  const sdk = new NodeSDK({ serviceName: process.env.OTEL_SERVICE_NAME ?? service, instrumentations: [] });
  sdk.start();
  return () => sdk.shutdown();
}

export const tracer = trace.getTracer('mcld');
export const meter = metrics.getMeter('mcld');

/** Trace context as text, to travel in a message's headers or a record. */
export type Carrier = Record<string, string>;

export function carryContext(): Carrier {
  const carrier: Carrier = {};
  propagation.inject(context.active(), carrier);
  return carrier;
}

/** Runs `action` in a span whose parent came with a message. */
export function inSpan<T>(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  action: () => Promise<T>,
  carrier?: Carrier,
): Promise<T> {
  const parent = carrier ? propagation.extract(context.active(), carrier) : context.active();
  return tracer.startActiveSpan(name, { attributes }, parent, async (span) => {
    try {
      return await action();
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
      throw error;
    } finally {
      span.end();
    }
  });
}
