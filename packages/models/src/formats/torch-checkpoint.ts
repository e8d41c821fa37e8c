import { listed, shown } from '@mcld/errors/text.js';
import type { NamedTensor } from './stored-tensor.js';
import { tensorsIn } from './tensor-tree.js';
import { readTorchArchive } from './torch-archive.js';
import { TorchCheckpointError } from './torch-checkpoint-error.js';
import { torchGlobals } from './torch-globals.js';
import { readTorchLegacy } from './torch-legacy.js';

/** Names stand once in most files; a crafted one could have long ones stand for many. */
const NAMES_PER_BYTE = 4;
const SMALL = 1 << 16;

/**
 * Reads the tensors of a PyTorch checkpoint, in torch.save's zip format or the one before it, without executing its
 * pickle. It may hold what `torch.load(weights_only=True)` takes; anything else is refused by its name.
 * @returns tensors in dicts, at any depth, in the file's order
 * @throws WeightFileError, TorchCheckpointError, PickleError
 */
export async function readTorchCheckpoint(file: Uint8Array): Promise<readonly NamedTensor[]> {
  const options = { globals: torchGlobals(), encoding: 'utf-8', advice } as const;
  const saved = file[0] === 0x80 ? readTorchLegacy(file, options) : await readTorchArchive(file, options);
  const tensors = tensorsIn(saved, NAMES_PER_BYTE * file.byteLength + SMALL);
  if (tensors.length === 0) {
    const keys = saved instanceof Map ? [...saved.keys()].filter((key) => typeof key === 'string') : [];
    const contents = keys.length > 0 ? `a dict of ${listed(keys.map((key) => shown(key, 40)))}` : 'none';
    throw new TorchCheckpointError(`a checkpoint needs a dict of tensors, and the file has ${contents}`);
  }
  return tensors;
}

function advice(global: string): string {
  if (global.startsWith('torch.distributed.checkpoint.')) {
    const tool = 'python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER weights.pth';
    return `This is the index of a distributed checkpoint, which becomes one file by ${tool}`;
  }
  return "Weights are read, no whole models or other objects: in Python, torch.save(model.state_dict(), 'weights.pth')";
}
