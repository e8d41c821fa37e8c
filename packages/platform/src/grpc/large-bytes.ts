/** The part of what ts-proto generates for a message that is needed here. */
export interface MessageType<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(input: Uint8Array): T;
}

const EMPTY = new Uint8Array();
const LENGTH_DELIMITED = 2;

/** Bytes kept free before a large field for the message's other fields. */
const HEADROOM = 4096;

/** Buffers whose first HEADROOM bytes are nobody's. */
const roomy = new WeakSet<ArrayBufferLike>();

/** Bytes, not set to zero, that `largeBytes` puts a message around without a copy. */
export function allocateLarge(length: number): Uint8Array {
  const { buffer } = Buffer.allocUnsafeSlow(HEADROOM + length);
  roomy.add(buffer);
  return new Uint8Array(buffer, HEADROOM, length);
}

/**
 * A message type whose largest field, of bytes, is written with one copy, or none if it is of `allocateLarge`; the
 * generated writer makes three of a nested field and one more of a message completed by `fromPartial`, hence none here:
 * messages must be complete. What comes out is the same protobuf with that field last.
 * @param field not nested in another message
 * @param number the field's number in its .proto file
 */
export function largeBytes<K extends string, T extends Record<K, Uint8Array>>(
  type: MessageType<T>,
  field: K,
  number: number,
): MessageType<T> {
  return {
    decode: (input) => type.decode(input),
    encode(message) {
      const bytes: Uint8Array = message[field];
      const head = type.encode({ ...message, [field]: EMPTY }).finish();
      const lead = [...varint(number * 8 + LENGTH_DELIMITED), ...varint(bytes.length)];
      const before = head.length + lead.length;
      if (bytes.byteOffset === HEADROOM && before <= HEADROOM && roomy.has(bytes.buffer)) {
        const around = Buffer.from(bytes.buffer, HEADROOM - before, before + bytes.length);
        around.set(head);
        around.set(lead, head.length);
        return { finish: () => around };
      }
      const out = Buffer.allocUnsafe(before + bytes.length);
      out.set(head);
      out.set(lead, head.length);
      out.set(bytes, before);
      return { finish: () => out };
    },
  };
}

function* varint(value: number): Generator<number> {
  for (; value >= 0x80; value = Math.floor(value / 0x80)) yield (value & 0x7f) | 0x80;
  yield value;
}
