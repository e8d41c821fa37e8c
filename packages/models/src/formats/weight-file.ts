import { foreignFile } from './foreign-files.js';
import { openSafetensors } from './safetensors.js';
import type { NamedTensor } from './stored-tensor.js';
import { readTorchCheckpoint } from './torch-checkpoint.js';

/**
 * What a file's first bytes say that it is: a zip archive or a pickle, a header's length with JSON after it, or else
 * perhaps a protocol buffer.
 * @throws WeightFileError for a kind that is known and not read
 */
export function weightFormat(file: Uint8Array): 'safetensors' | 'torch' | 'other' {
  if (Buffer.from(file.subarray(0, 4)).toString('latin1') === 'PK\x03\x04') return 'torch';
  // The length of a header is less than 2³², which distinguishes it from a pickle and from text.
  if (file[8] === 0x7b && file.subarray(4, 8).every((byte) => byte === 0)) return 'safetensors';
  if (file[0] === 0x80) return 'torch';
  const foreign = foreignFile(file);
  if (foreign) throw foreign;
  return 'other';
}

/** The tensors of a file of weights. @throws SafetensorsError, WeightFileError, TorchCheckpointError, PickleError */
export async function readWeightFile(
  format: 'safetensors' | 'torch',
  file: Uint8Array,
): Promise<readonly NamedTensor[]> {
  return format === 'torch' ? await readTorchCheckpoint(file) : openSafetensors(file).tensors;
}
