import { PickledGlobal, type Reduction } from '@mcld/pickle/pickle.js';
import { OpaqueTensor, TorchTensor } from './torch-tensor.js';

const each = (modules: readonly string[], names: string): string[] =>
  modules.flatMap((module) => names.split(' ').map((name) => `${module}.${name}`));

/**
 * The globals that PyTorch's `torch.load(weights_only=True)` takes (2.13, without what its user may add), and what a
 * call of each is read as. What is neither a tensor nor a dict stays a `PickledObject`: a file is read only for its
 * weights.
 */
export function torchGlobals(): ReadonlyMap<string, Reduction> {
  const globals = new Map<string, Reduction>(values.map((name) => [name, undefined]));
  for (const [name, reduction] of Object.entries(reductions)) globals.set(name, reduction);
  const dicts = dictReduction();
  for (const name of ['OrderedDict', 'Counter']) globals.set(`collections.${name}`, dicts);
  return globals;
}

const plain = 'Double Float Half Long Int Short Char Byte BFloat16';
const suffixed = (kinds: string, suffix: string): string => kinds.replaceAll(/\w+/g, (kind) => kind + suffix);

const values: readonly string[] = [
  ...each(['torch', 'torch.cuda'], suffixed(`${plain} Bool ComplexDouble ComplexFloat`, 'Storage')),
  ...each(['torch', 'torch.cuda'], suffixed(`${plain} Bool`, 'Tensor')),
  ...each(['torch.sparse', 'torch.cuda.sparse'], suffixed(plain, 'Tensor')),
  ...each(['torch'], suffixed('QInt8 QInt32 QUInt8 QUInt4x2 QUInt2x4', 'Storage')),
  ...each(['torch.storage'], 'TypedStorage UntypedStorage'),
  ...each(['torch'], 'Tensor device bool float64 float32 float16 bfloat16 complex128 complex64 complex32'),
  ...each(['torch'], 'float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu float4_e2m1fn_x2'),
  ...each(['torch'], 'int64 int32 int16 int8 int7 int6 int5 int4 int3 int2 int1'),
  ...each(['torch'], 'uint64 uint32 uint16 uint8 uint7 uint6 uint5 uint4 uint3 uint2 uint1'),
  ...each(['torch'], 'qint8 qint32 quint8 quint4x2 quint2x4 bits8 bits16 bits1x8 bits2x4 bits4x2'),
  ...each(['torch'], 'per_tensor_affine per_tensor_symmetric per_channel_affine per_channel_symmetric'),
  ...each(['torch'], 'per_channel_affine_float_qparams'),
  ...each(['builtins'], 'set bytearray complex'),
  '_codecs.encode',
  'torch.serialization._get_layout',
  'torch._utils._rebuild_device_tensor_from_numpy',
];

const FROM_TYPE = 'torch._tensor._rebuild_from_type_v2';

const reductions: Readonly<Record<string, Reduction>> = {
  'torch._utils._rebuild_tensor': TorchTensor.rebuild,
  'torch._utils._rebuild_tensor_v2': ([storage, offset, shape, strides, , , bits]) =>
    TorchTensor.rebuild([storage, offset, shape, strides, undefined, bits]),
  'torch._utils._rebuild_tensor_v3': ([storage, offset, shape, strides, , , dtype, bits]) =>
    TorchTensor.rebuild([storage, offset, shape, strides, dtype, bits]),
  'torch.Size': ([sizes]) => sizes,
  'torch._utils._rebuild_parameter': ([tensor]) => tensor,
  'torch._utils._rebuild_parameter_with_state': ([tensor]) => tensor,
  'torch.nn.parameter.Parameter': ([tensor]) => tensor,
  'torch._utils._rebuild_device_tensor_from_cpu_tensor': ([tensor]) => tensor,
  // A tensor with attributes, or of a class of its own: what it is rebuilt from, then its state.
  [FROM_TYPE]: ([rebuild, , args]) => {
    const isPlain = rebuild instanceof PickledGlobal && rebuild.name !== FROM_TYPE;
    const reduction = isPlain ? reductions[rebuild.name] : undefined;
    return reduction && Array.isArray(args) ? reduction(args) : new OpaqueTensor('an object of its own class');
  },
  'torch._utils._rebuild_qtensor': ([, , shape]) => new OpaqueTensor('quantised', shape),
  'torch._utils._rebuild_sparse_tensor': ([, data]) => new OpaqueTensor('sparse', sizeIn(data)),
  'torch._utils._rebuild_nested_tensor': () => new OpaqueTensor('nested'),
  'torch._utils._rebuild_meta_tensor_no_storage': ([, shape]) => new OpaqueTensor('meta', shape),
  'torch._utils._rebuild_wrapper_subclass': ([, , shape]) => new OpaqueTensor('wrapper', shape),
};

/** A sparse tensor's size stands after its indices and values. */
const sizeIn = (data: unknown): unknown => (Array.isArray(data) ? data.slice(2, 4).find(Array.isArray) : undefined);

/**
 * An OrderedDict of Python 3 is empty at first, one of Python 2 is called with a list of pairs, a Counter with a dict.
 * A list is copied once however often it is called with, so that memory stays bounded by the pickle.
 */
function dictReduction(): Reduction {
  const maps = new WeakMap<object, Map<unknown, unknown>>();
  return ([content]) => {
    if (content instanceof Map) return content;
    if (!Array.isArray(content)) return new Map();
    const earlier = maps.get(content);
    if (earlier) return earlier;
    const map = new Map(content.filter(Array.isArray).map(([key, value]) => [key, value]));
    maps.set(content, map);
    return map;
  };
}
