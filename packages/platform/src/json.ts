/** A number in JSON, which has neither NaN nor infinities: they are strings there, as in protobuf's JSON. */
export type JsonNumber = number | 'NaN' | 'Infinity' | '-Infinity';

/** `Number` turns it back. */
export function jsonNumber(value: number): JsonNumber {
  if (Number.isFinite(value)) return value;
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? 'Infinity' : '-Infinity';
}

/** JSON in which no number is lost: `JSON.stringify` alone makes null of NaN. */
export const jsonText = (value: unknown, indent?: number): string =>
  JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'number' ? jsonNumber(inner) : inner), indent);
