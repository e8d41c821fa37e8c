import { z } from 'zod';

/** A number in JSON, which has neither NaN nor infinities: they are strings there, as in protobuf's JSON. */
export const jsonNumberSchema = z.union(
  [
    // As values of a process have it, before they become JSON: it may be NaN.
    z.custom<number>((value) => typeof value === 'number'),
    z.enum(['NaN', 'Infinity', '-Infinity']),
  ],
  "expected a number, 'NaN', 'Infinity' or '-Infinity'",
);

/** `Number` turns it back. */
export type JsonNumber = z.output<typeof jsonNumberSchema>;

export function jsonNumber(value: number): JsonNumber {
  if (Number.isFinite(value)) return value;
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? 'Infinity' : '-Infinity';
}

/** JSON in which no number is lost: `JSON.stringify` alone makes null of NaN. */
export const jsonText = (value: unknown, indent?: number): string =>
  JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'number' ? jsonNumber(inner) : inner), indent);
