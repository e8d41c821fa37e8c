import { type NamedTensor, under } from './stored-tensor.js';
import { TorchCheckpointError } from './torch-checkpoint-error.js';
import { OpaqueTensor, TorchTensor } from './torch-tensor.js';

type Node = ReadonlyMap<unknown, unknown> | readonly unknown[];

const isNode = (value: unknown): value is Node => value instanceof Map || Array.isArray(value);

const isTensor = (value: unknown) => value instanceof TorchTensor || value instanceof OpaqueTensor;

/** Checkpoints nest a few dicts; deeper ones are not looked into. */
const DEEPEST = 10;

/**
 * The tensors of a checkpoint with their names: those in dicts, also in dicts and lists within. A dict that can be come
 * to by two ways counts once.
 * @param mostText characters that all names together may have: a name can be long, and stand before many
 */
export function tensorsIn(root: unknown, mostText: number): readonly NamedTensor[] {
  const tensors: NamedTensor[] = [];
  const seen = new Set<unknown>();
  let left = mostText;
  const named = (folder: string, key: string): string => {
    left -= folder.length + 1 + key.length;
    if (left < 0) throw new TorchCheckpointError(`the tensors' names are longer than ${mostText} characters together`);
    return under(folder, key);
  };
  const visit = (node: Node, folder: string, depth: number): void => {
    if (depth > DEEPEST || seen.has(node)) return;
    seen.add(node);
    for (const [key, value] of node.entries()) {
      if (typeof key !== 'string' && typeof key !== 'number') continue;
      if (isTensor(value)) tensors.push({ folder, name: named(folder, String(key)), tensor: value });
      else if (isNode(value)) visit(value, named(folder, String(key)), depth + 1);
    }
  };
  if (isNode(root)) visit(root, '', 0);
  return tensors;
}
