import { createHash } from 'node:crypto';
import { type FileHandle, open, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { foreignFile } from '@mcld/models/formats/foreign-files.js';
import { type ExternalTensor, externalTensors, withValuesInside } from '@mcld/models/formats/onnx-external-data.js';
import { OnnxError } from '@mcld/models/formats/onnx-wire.js';

/**
 * An ONNX model as one file: what its exporter put into other files beside it is read and put in. The same files give
 * the same bytes, whatever folder they lie in and wherever the command runs.
 * @param file the model's path
 * @param model its bytes
 * @param most bytes that it may have with its data
 * @throws OnnxError naming the tensor and the file that cannot be
 */
export async function wholeOnnx(file: string, model: Uint8Array, most: number): Promise<Uint8Array> {
  const tensors = externalTensors(model);
  if (tensors.length === 0) return model;
  const bytes = tensors.reduce((sum, tensor) => sum + tensor.bytes, model.length);
  if (bytes > most) throw new OnnxError(`with its data it has ${bytes} bytes; at most ${most} are taken`);
  const files = new DataFiles(file);
  try {
    const values: Uint8Array[] = [];
    for (const tensor of tensors) values.push(await files.read(tensor));
    return withValuesInside(model, values);
  } finally {
    await files.close();
  }
}

interface DataFile {
  readonly handle: FileHandle;
  readonly size: number;
  /** sha1 of all of it, once it was asked for. */
  sha1?: string;
}

/** Bytes that tell what a file is in the place of a model's data. */
const MOST_START = 4096;

/** The files that hold a model's values, each opened once. */
class DataFiles {
  readonly #open = new Map<string, DataFile>();

  constructor(readonly model: string) {}

  /** A tensor's values. @throws OnnxError */
  async read(tensor: ExternalTensor): Promise<Uint8Array> {
    const { name, location, offset, bytes, checksum } = tensor;
    const file = this.#open.get(location) ?? (await this.#opened(tensor));
    this.#open.set(location, file);
    if (offset + bytes > file.size) {
      const start = new Uint8Array(Math.min(file.size, MOST_START));
      await file.handle.read(start, 0, start.length, 0);
      const foreign = foreignFile(start);
      if (foreign) throw new OnnxError(`${name}: its values lie in ${location}: ${foreign.message}`);
      const piece = `${bytes} bytes from ${offset} on`;
      throw new OnnxError(`${name}: ${piece} of ${location}, which has ${file.size}; is it of another export?`);
    }
    if (checksum) {
      file.sha1 ??= await sha1Of(file.handle);
      if (file.sha1 !== checksum.toLowerCase())
        throw new OnnxError(`${name}: the sha1 of ${location} is ${file.sha1}, the model expects ${checksum}`);
    }
    const values = new Uint8Array(bytes);
    for (let done = 0; done < bytes; ) {
      const { bytesRead } = await file.handle.read(values, done, bytes - done, offset + done);
      if (bytesRead === 0) throw new OnnxError(`${name}: ${location} became shorter while it was read`);
      done += bytesRead;
    }
    return values;
  }

  async #opened({ name, location }: ExternalTensor): Promise<DataFile> {
    if (path.isAbsolute(location) || location.split(/[/\\]/).includes('..') || location.includes('\0')) {
      throw new OnnxError(`${name}: its values lie in '${location}'; expected a file in the model's own folder`);
    }
    // A model may be a link itself: then its data lies beside the link, as in caches of downloads, or beside its
    // target.
    const [beside, atTarget] = [await realpath(path.dirname(this.model)), path.dirname(await realpath(this.model))];
    const isMissing = (error: NodeJS.ErrnoException) => error.code === 'ENOENT';
    const real = await realpath(path.join(beside, location))
      .catch((error) => (isMissing(error) ? realpath(path.join(atTarget, location)) : Promise.reject(error)))
      .catch((error) => {
        const why = isMissing(error) ? 'there is no such file' : error.message;
        throw new OnnxError(`${name}: its values lie in ${location} beside the model: ${why}`);
      });
    if (![beside, atTarget].some((folder) => real.startsWith(path.join(folder, path.sep)))) {
      throw new OnnxError(
        `${name}: ${location} is a link out of the model's folder, to ${real}; put the file itself there`,
      );
    }
    const about = await stat(real);
    if (!about.isFile()) throw new OnnxError(`${name}: its values lie in ${location}, which is not a file`);
    return { handle: await open(real), size: about.size };
  }

  async close(): Promise<void> {
    for (const { handle } of this.#open.values()) await handle.close();
  }
}

async function sha1Of(handle: FileHandle): Promise<string> {
  const hash = createHash('sha1');
  await pipeline(handle.createReadStream({ start: 0, autoClose: false }), hash);
  return hash.digest('hex');
}
