import { describe, expect, it } from 'vitest';
import { PIECE_BYTES } from './limits.js';
import { onlyArray, type Piece, piecesOf, wholeArrays } from './pieces.js';
import { StreamError } from './stream-error.js';

const array = Uint8Array.from({ length: 2 * PIECE_BYTES + 5 }, (_, i) => i % 251);

/** A message: its name, and a piece where it carries one. */
interface Message {
  readonly name: string;
  readonly piece?: Piece;
}

async function* stream(...messages: Message[]) {
  yield* messages;
}

const messagesOf = (bytes: Uint8Array, name: string): Message[] =>
  [...piecesOf(bytes)].map((piece, i) => ({ name: `${name}${i}`, piece }));

const named = (bytes: Uint8Array<ArrayBuffer>, { name }: Message) => ({ name, bytes });

async function read(messages: Message[], most?: number) {
  const arrays: ReturnType<typeof named>[] = [];
  for await (const array of wholeArrays(stream(...messages), ({ piece }) => piece, named, most)) arrays.push(array);
  return arrays;
}

const piece = (length: number, totalBytes: number, offset: number): Message => ({
  name: 'x',
  piece: { bytes: Buffer.alloc(length), totalBytes, offset },
});

describe('arrays cut into pieces', () => {
  it('come out whole, in order, each with the message of its first piece', async () => {
    const small = Uint8Array.of(1, 2, 3);
    const arrays = await read([...messagesOf(array, 'a'), ...messagesOf(small, 'b'), ...messagesOf(array, 'c')]);
    expect(arrays.map(({ name }) => name)).toEqual(['a0', 'b0', 'c0']);
    expect(Buffer.compare(arrays[0]!.bytes, array)).toBe(0);
    expect([...arrays[1]!.bytes]).toEqual([1, 2, 3]);
  });

  it('may be empty', async () => {
    expect(await read(messagesOf(new Uint8Array(), 'empty'))).toEqual([{ name: 'empty0', bytes: new Uint8Array() }]);
  });

  it('are alone in their buffer where messages share theirs, and not copied where a message has its own', async () => {
    const pool = Buffer.alloc(8192);
    const [shared] = await read(messagesOf(pool.subarray(16, 32), 'small'));
    expect([shared!.bytes.buffer.byteLength, shared!.bytes.byteOffset]).toEqual([16, 0]);
    const own = array.subarray(0, PIECE_BYTES);
    const [large] = await read(messagesOf(own, 'large'));
    expect(large!.bytes.buffer).toBe(array.buffer);
  });
});

describe('pieces that do not make up an array', () => {
  it.each<[string, Message[], string]>([
    ['out of order', [piece(4, 8, 4)], 'a piece of 4 bytes at 4 of 8 came; expected one at 0 of 8'],
    ['one twice', [piece(4, 8, 0), piece(4, 8, 0)], 'expected one at 4 of 8'],
    ['too long', [piece(4, 2, 0)], 'a piece of 4 bytes at 0 of 2'],
    ['of another array', [piece(4, 8, 0), piece(4, 12, 4)], 'expected one at 4 of 8'],
    ['cut off', [piece(4, 8, 0)], 'the stream ended after 4 bytes of an array'],
    ['none', [{ name: 'x' }], 'a message came without a piece'],
  ])('are refused: %s', async (_, messages, why) => {
    const error = await read(messages).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StreamError);
    expect((error as Error).message).toContain(why);
  });

  it('are refused before anything is allocated where they announce too much', async () => {
    await expect(read([piece(4, 2 ** 40, 0)])).rejects.toThrow('an array of 1099511627776 bytes came');
    await expect(read([piece(4, 8, 0)], 7)).rejects.toThrow('at most 7 are taken');
  });
});

describe('the only array of a stream', () => {
  const only = (messages: Message[]) => onlyArray(stream(...messages), ({ piece: carried }) => carried, named);

  it('is refused where there is none, or a second', async () => {
    expect((await only(messagesOf(array, 'a'))).name).toBe('a0');
    await expect(only([])).rejects.toThrow('the stream ended without an array');
    await expect(only([piece(4, 4, 0), piece(4, 4, 0)])).rejects.toThrow('a second array came');
  });
});
