import { ModelOutline } from '@mcld/contracts/onnx/model.js';
import { messageOf } from '@mcld/errors/text.js';
import { assertSelfContained } from './onnx-external-data.js';
import { OnnxError } from './onnx-wire.js';

/** The output that gives logits: the one of that name, or the only one. */
export function logitsOutput<T extends { readonly name: string }>(outputs: readonly T[]): T | undefined {
  return outputs.find(({ name }) => name === 'logits') ?? (outputs.length === 1 ? outputs[0] : undefined);
}

/**
 * Checks that a file is an ONNX model, whole in itself, with an output of rank 2: `logits`, or its only one.
 * @throws OnnxError naming what is there instead
 */
export function assertOnnxClassifier(file: Uint8Array): void {
  let model: ModelOutline;
  try {
    model = ModelOutline.decode(file);
  } catch (error) {
    throw new OnnxError(`neither safetensors, nor a PyTorch checkpoint, nor an ONNX model: ${messageOf(error)}`);
  }
  const { graph, opsetImport } = model;
  if (!graph || graph.node.length === 0 || opsetImport.length === 0) {
    throw new OnnxError('neither safetensors, nor a PyTorch checkpoint, nor an ONNX model with a graph');
  }
  const logits = logitsOutput(graph.output);
  if (!logits) {
    const names = graph.output.map(({ name }) => name).join(', ');
    throw new OnnxError(`outputs ${names}: expected one, or one named logits`);
  }
  const shape = logits.type?.tensorType?.shape?.dim.map(({ value }) => value?.value ?? '?');
  if (shape && shape.length !== 2) {
    throw new OnnxError(`output ${logits.name} is [${shape.join(', ')}]; expected [N, classes]`);
  }
  assertSelfContained(file);
}
