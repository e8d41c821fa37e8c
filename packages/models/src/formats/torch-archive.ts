import { shown } from '@mcld/errors/text.js';
import { PickleError, type UnpicklerOptions, unpickle } from '@mcld/pickle/pickle.js';
import { foreignArchive } from './foreign-files.js';
import { TorchCheckpointError } from './torch-checkpoint-error.js';
import { Budget, Storage, storageKind } from './torch-tensor.js';
import { zipEntries } from './zip-entries.js';

/**
 * torch.save's zip format (since PyTorch 1.6): a pickle, and a file for each storage.
 * @returns what was saved
 * @throws WeightFileError, TorchCheckpointError, PickleError
 */
export async function readTorchArchive(
  file: Uint8Array,
  options: Omit<UnpicklerOptions, 'persistent'>,
): Promise<unknown> {
  const entries = await zipEntries(file);
  const foreign = foreignArchive([...entries.keys()]);
  if (foreign) throw foreign;
  const pickled = [...entries.keys()].find((name) => /^[^/]+\/data\.pkl$/.test(name)) ?? '';
  const folder = pickled.slice(0, -'data.pkl'.length);
  const order = await entries.get(`${folder}byteorder`)?.();
  if (order && new TextDecoder().decode(order).trim() !== 'little') {
    throw new TorchCheckpointError('the checkpoint was written on a big-endian machine');
  }
  const contents = new Map<string, Uint8Array>();
  for (const [name, view] of entries) {
    if (name.startsWith(`${folder}data/`)) contents.set(name.slice(folder.length + 'data/'.length), await view());
  }
  const budget = new Budget(file.byteLength);
  const persistent = (id: unknown): Storage => {
    // ('storage', torch.FloatStorage, key, device, elements)
    const [tag, type, key] = Array.isArray(id) ? id : [];
    const kind = storageKind(type);
    if (tag !== 'storage' || typeof key !== 'string') throw new PickleError('a persistent id that is not a storage');
    const bytes = contents.get(key);
    if (!bytes) throw new TorchCheckpointError(`the archive lacks data/${shown(key)}, which a tensor is stored in`);
    return new Storage(kind, key, budget, () => bytes);
  };
  const pickle = (await entries.get(pickled)?.()) ?? new Uint8Array();
  return unpickle(pickle, { ...options, persistent });
}
