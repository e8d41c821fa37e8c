import { z } from 'zod';
import { runIdSchema } from '../ids.js';
import { eventBodySchema } from './event-data.js';
import type { RunEvent } from './events.js';

const TYPE = 'mcld.run.';

/** A CloudEvents 1.0 event in its JSON form; `subject` is the run, `type` is `mcld.run.<kind>`. */
const envelopeSchema = z.object({
  specversion: z.literal('1.0'),
  id: z.string(),
  source: z.string(),
  type: z.string().startsWith(TYPE),
  subject: runIdSchema,
  time: z.iso.datetime(),
  data: z.unknown(),
});

/** An event as it crosses processes. */
export const toCloudEvent = ({ kind, run, id, source, time, data }: RunEvent) => ({
  specversion: '1.0',
  id,
  source,
  type: `${TYPE}${kind}`,
  subject: run,
  time,
  datacontenttype: 'application/json',
  data,
});

/**
 * An event out of another process, or of an earlier build: fields that are not known here are left out.
 * @throws z.ZodError where a field is missing or has another type
 */
export function fromCloudEvent(value: unknown): RunEvent {
  const { type, subject: run, id, source, time, data } = envelopeSchema.parse(value);
  return { run, id, source, time, ...eventBodySchema.parse({ kind: type.slice(TYPE.length), data }) };
}
