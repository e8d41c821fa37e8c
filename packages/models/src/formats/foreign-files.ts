import { McldError } from '@mcld/errors/mcld-error.js';
import { listed, shown } from '@mcld/errors/text.js';

/** Thrown for a file that is known, and that holds no weights which are read here. */
export class WeightFileError extends McldError {
  static override readonly meaning = { status: 'INVALID_ARGUMENT', reason: 'INVALID_WEIGHT_FILE' } as const;

  /**
   * @param kind "the file is …"
   * @param advice what to do, as a sentence
   */
  constructor(kind: string, advice: string) {
    super(`the file is ${kind}. ${advice}`);
  }
}

const toOnnx = (tool: string): string => `Export the model to ONNX (${tool}) and name that.`;
const unpack = 'Unpack it and name the weights in it.';
const WEIGHTS_ALONE = "torch.save(model.state_dict(), 'weights.pth')";

/** Kinds that their first bytes tell. */
const magics: readonly (readonly [magic: string, at: number, kind: string, advice: string])[] = [
  ['\x89HDF\r\n\x1a\n', 0, 'HDF5, as Keras writes it', toOnnx('tf2onnx')],
  [
    '\x93NUMPY',
    0,
    'an array of NumPy',
    'Save the weights with their names: safetensors.numpy.save_file(arrays, FILE).',
  ],
  ['GGUF', 0, 'GGUF, of llama.cpp', 'Name the weights that it was made from: .safetensors or .pth.'],
  ['TFL3', 4, 'a TensorFlow Lite model', toOnnx('tf2onnx')],
  ['\x1f\x8b', 0, 'compressed with gzip', unpack],
  ['BZh', 0, 'compressed with bzip2', unpack],
  ['\xfd7zXZ\0', 0, 'compressed with xz', unpack],
  ['\x28\xb5\x2f\xfd', 0, 'compressed with zstd', unpack],
  ["7z\xbc\xaf'\x1c", 0, 'a 7z archive', unpack],
  ['Rar!', 0, 'a RAR archive', unpack],
  ['\xa6params', 1, 'msgpack, as Flax writes it', toOnnx('jax2onnx')],
  ['\xabbatch_stats', 1, 'msgpack, as Flax writes it', toOnnx('jax2onnx')],
  ['\x08\x01\x12', 0, 'a SavedModel of TensorFlow', toOnnx('tf2onnx')],
];

/** What TensorFlow's tables, the index of a checkpoint among them, end with. */
const TABLE_END = '\x57\xfb\x80\x8b\x24\x75\x47\xdb';

/** @returns why the file is none that is read here, where its kind is known */
export function foreignFile(file: Uint8Array): WeightFileError | undefined {
  if (file.byteLength === 0) return new WeightFileError('empty', 'Was its download broken off?');
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const known = magics.find(([magic, at]) => bytes.toString('latin1', at, at + magic.length) === magic);
  if (known) return new WeightFileError(known[2], known[3]);
  if (bytes.toString('latin1', Math.max(0, bytes.length - 8)) === TABLE_END) {
    return new WeightFileError('the index of a checkpoint of TensorFlow', toOnnx('tf2onnx'));
  }
  return foreignText(bytes) ?? foreignTar(bytes);
}

const MOST_TEXT = 1 << 20;

/** Pages and pointers that were saved in the place of weights, and lists of weights that lie elsewhere. */
function foreignText(bytes: Buffer): WeightFileError | undefined {
  if (!isText(bytes.subarray(0, 200))) return undefined;
  const text = bytes.toString('utf8', 0, MOST_TEXT).trimStart();
  if (text.startsWith('version https://git-lfs')) {
    return new WeightFileError('a pointer of Git LFS, not the weights', 'Fetch them with `git lfs pull`.');
  }
  if (/^<(!doctype html|html|head|\?xml)/i.test(text)) {
    const title = /<title>([^<]*)/i.exec(text)?.[1] ?? '';
    return new WeightFileError(
      `a web page${title && ` (${shown(title.trim(), 60)})`}`,
      'Was it a download? Look at its address.',
    );
  }
  if (text.includes('"weight_map"')) {
    const parts = [...new Set([...text.matchAll(/"([^"]+\.(?:safetensors|bin))"/g)].map(([, name = '']) => name))];
    return new WeightFileError(
      `an index of weights that lie in ${parts.length} files (${contents(parts)})`,
      `Load them in Python and save them as one: ${WEIGHTS_ALONE}.`,
    );
  }
  return new WeightFileError(`text (${shown(text, 40)})`, 'Expected .safetensors, .pth or .onnx.');
}

function isText(start: Buffer): boolean {
  try {
    // As a stream: a character may be cut at the end.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(start, { stream: true });
    return !/[^\t\n\r\P{Cc}]/u.test(text);
  } catch {
    return false;
  }
}

const WEIGHTS = /\.(pth|pt|ckpt|bin|tar|safetensors|onnx|h5|pkl)$/i;

/** Names of what lies in an archive, those that look like weights before others. */
const contents = (names: readonly string[]): string =>
  listed(
    [...names].sort((a, b) => Number(WEIGHTS.test(b)) - Number(WEIGHTS.test(a))).map((name) => shown(name, 60)),
    3,
  );

const BLOCK = 512;
const MOST_MEMBERS = 1000;

/** Tar archives: the checksum of the first header tells, older ones have no magic. */
function foreignTar(bytes: Buffer): WeightFileError | undefined {
  const names: string[] = [];
  let at = 0;
  for (let member = 0; member < MOST_MEMBERS && at + BLOCK <= bytes.length; member++) {
    const header = bytes.subarray(at, at + BLOCK);
    const octal = (from: number, to: number) => Number.parseInt(header.toString('latin1', from, to), 8);
    const sum = header.reduce((total, byte, place) => total + (place >= 148 && place < 156 ? 0x20 : byte), 0);
    if (octal(148, 156) !== sum) break;
    // What is not a file (folders, and what tells more about the next member) says nothing to people.
    if (/[0\0]/.test(String.fromCharCode(header[156] ?? 0)))
      names.push(header.toString('utf8', 0, 100).replace(/\0.*$/s, ''));
    at += BLOCK + Math.ceil(Math.max(0, octal(124, 136) || 0) / BLOCK) * BLOCK;
  }
  if (names.length === 0) return undefined;
  if (['storages', 'tensors', 'pickle'].every((name) => names.includes(name))) {
    return new WeightFileError(
      'torch.save’s tar format, of 2017 and before',
      "Where you trust it, save it again in Python: torch.save(torch.load(FILE, weights_only=False), 'weights.pth').",
    );
  }
  return new WeightFileError(`a tar archive of ${contents(names)}`, unpack);
}

/** Zip archives that are not torch.save's, by what they hold. */
const archives: readonly (readonly [has: RegExp, kind: string, advice: string])[] = [
  [/(^|\/)\.data\/extern_modules$/, 'a package of torch.package', `Save the weights alone: ${WEIGHTS_ALONE}.`],
  [
    /(^|\/)(constants\.pkl|code\/.*\.py)$/,
    'a TorchScript archive, a program that is not run here',
    "Save its weights alone, torch.save(torch.jit.load(FILE).state_dict(), 'weights.pth'), or export it to ONNX.",
  ],
  [
    /(^|\/)(archive_format|serialized_exported_program\.json)$/,
    'an exported program of PyTorch (.pt2), which is not run here',
    "Save its weights alone, torch.save(torch.export.load(FILE).state_dict, 'weights.pth'), or export it to ONNX.",
  ],
  [/(^|\/)model\.weights\.h5$/, 'a model of Keras', toOnnx('tf2onnx')],
  [/\.npy$/, 'arrays of NumPy (.npz)', 'Save them as safetensors: safetensors.numpy.save_file(dict(arrays), FILE).'],
];

/** @param names of the archive's entries @returns why it is none of torch.save's */
export function foreignArchive(names: readonly string[]): WeightFileError | undefined {
  for (const [has, kind, advice] of archives) {
    if (names.some((name) => has.test(name))) return new WeightFileError(kind, advice);
  }
  if (names.some((name) => /^[^/]+\/data\.pkl$/.test(name))) return undefined;
  return new WeightFileError(`a zip archive of ${contents(names)}`, unpack);
}
