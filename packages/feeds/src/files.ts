/** Files in streams that announce no length: reports, exports and imports. */
import { RequestError } from '@mcld/platform/grpc/errors.js';
import { MAX_FILE_BYTES } from './limits.js';
import { piecesOf } from './pieces.js';

/** Cuts a file into views, without copies; an empty file is one empty piece. */
export function* filePieces(file: Uint8Array): Generator<Uint8Array> {
  for (const { bytes } of piecesOf(file)) yield bytes;
}

/** A file that a stream sent, with the stream's first message. */
export interface WholeFile<Message> {
  /** Undefined for a stream without messages. */
  readonly head: Message | undefined;
  readonly bytes: Buffer;
}

/**
 * Puts the pieces of a file together.
 * @param what 'a teacher', say: for the message
 * @throws RequestError for more than MAX_FILE_BYTES
 */
export async function wholeFile<Message>(
  messages: AsyncIterable<Message>,
  pieceOf: (message: Message) => Uint8Array,
  what: string,
): Promise<WholeFile<Message>> {
  const pieces: Uint8Array[] = [];
  let head: Message | undefined;
  let size = 0;
  for await (const message of messages) {
    head ??= message;
    const piece = pieceOf(message);
    size += piece.length;
    if (size > MAX_FILE_BYTES) throw new RequestError(`${what} of more than ${MAX_FILE_BYTES} bytes`);
    pieces.push(piece);
  }
  return { head, bytes: Buffer.concat(pieces) };
}
