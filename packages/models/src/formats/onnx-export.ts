import { ModelProto, type ValueInfoProto } from '@mcld/contracts/onnx/model.js';
import { assertStateOf, type StateDict } from '../layers/state-dict.js';
import { type ModelName, models } from '../zoo/registry.js';
import { ElementType, OnnxGraph } from './onnx-graph.js';
import { OnnxLayers, type OnnxValue } from './onnx-layers.js';

export interface OnnxOptions {
  /** Fold batch norms into convolutions. */
  readonly fold: boolean;
  /**
   * With it the model takes raw pixels, uint8 [N, height, width, 3], and normalises them itself; without,
   * normalised float32 [N, 3, height, width]. Per channel, of values in 0…1.
   */
  readonly normalisation?: { readonly mean: readonly number[]; readonly std: readonly number[] };
  /** Names of the classes, kept as metadata `labels`, a JSON list. */
  readonly labels?: readonly string[];
}

const OPSET = 17;
/** The IR version that came with opset 17. */
const IR_VERSION = 8;

/**
 * A student as an ONNX model: input `image`, outputs `logits` [N, classes] and `features` [N, F],
 * float32, N dynamic.
 * @throws WeightMismatchError when `state` is not of this model
 */
export function encodeOnnx(model: ModelName, classes: number, state: StateDict, options: OnnxOptions): Uint8Array {
  assertStateOf(model, classes, state);
  if (options.labels && options.labels.length !== classes) {
    throw new Error(`${options.labels.length} labels for ${classes} classes`);
  }
  const size = models[model].imageSize;
  const graph = new OnnxGraph();
  const layers = new OnnxLayers(graph, state, options.fold);
  const image: OnnxValue = { name: normalised(graph, options.normalisation), channels: 3, size };
  const { features, logits } = models[model].classify<OnnxValue>(layers, image, classes);
  graph.nodes.push(renamed(features, 'features'), renamed(logits, 'logits'));
  const input = options.normalisation
    ? described('image', ElementType.uint8, [size, size, 3])
    : described('image', ElementType.float32, [3, size, size]);
  const metadata = {
    model,
    classes: String(classes),
    ...(options.labels && { labels: JSON.stringify(options.labels) }),
  };
  return ModelProto.encode({
    irVersion: IR_VERSION,
    producerName: 'mcld',
    producerVersion: '',
    opsetImport: [{ domain: '', version: OPSET }],
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    graph: {
      ...graph.finish(model),
      input: [input],
      output: [
        described('logits', ElementType.float32, [classes]),
        described('features', ElementType.float32, [features.channels]),
      ],
    },
  }).finish();
}

/** ((v / 255) − mean) / std, and channels first. */
function normalised(graph: OnnxGraph, normalisation: OnnxOptions['normalisation']): string {
  if (!normalisation) return 'image';
  const constant = (name: string, values: readonly number[]) =>
    graph.float32(name, [values.length], Float32Array.from(values));
  const pixels = graph.op('Cast', ['image'], { to: { int: ElementType.float32 } });
  const share = graph.op('Div', [pixels, constant('pixel_range', [255])]);
  const centred = graph.op('Sub', [share, constant('pixel_mean', normalisation.mean)]);
  const scaled = graph.op('Div', [centred, constant('pixel_std', normalisation.std)]);
  return graph.op('Transpose', [scaled], { perm: { ints: [0, 3, 1, 2] } });
}

function renamed(value: OnnxValue, name: string) {
  return { input: [value.name], output: [name], name, opType: 'Identity', attribute: [] };
}

function described(name: string, elemType: number, shape: readonly number[]): ValueInfoProto {
  const batch = { value: { $case: 'dimParam' as const, value: 'N' } };
  const rest = shape.map((size) => ({ value: { $case: 'dimValue' as const, value: size } }));
  return { name, type: { tensorType: { elemType, shape: { dim: [batch, ...rest] } } } };
}
