import { encodeSafetensors } from '@mcld/models/formats/safetensors.js';
import type { NamedTensor } from '@mcld/models/formats/stored-tensor.js';
import { chooseWeights } from '@mcld/models/matching/choose-weights.js';
import { modelsThatFit } from '@mcld/models/matching/misfit.js';
import { TensorNames } from '@mcld/models/matching/tensor-names.js';
import { isModelName, modelNames } from '@mcld/models/zoo/registry.js';
import { RequestError } from '@mcld/platform/grpc/errors.js';

/**
 * The weights of a model out of a file's tensors, in the one form that teachers are stored in: the same weights give
 * the same bytes, whatever file they came in.
 * @param wanted `raw`, `ema` or ''
 * @throws WeightMismatchError, TorchCheckpointError, RequestError
 */
export function canonicalWeights(
  model: string,
  tensors: readonly NamedTensor[],
  weights: string,
): { readonly content: Uint8Array; readonly notes: readonly string[] } {
  const names = new TensorNames(tensors);
  if (!isModelName(model)) {
    const fits = modelsThatFit(names);
    const advice =
      fits.length > 0 ? `the weights fit ${fits.join(' or ')}` : `expected one of ${modelNames.join(', ')}`;
    throw new RequestError(`${model === '' ? 'model is missing' : `model '${model}'`}: ${advice}`);
  }
  if (weights !== '' && weights !== 'raw' && weights !== 'ema') {
    throw new RequestError(`weights '${weights}': expected raw or ema`);
  }
  const { state, classes, notes } = chooseWeights(model, names, weights);
  return { content: encodeSafetensors(state, { format: 'pt', model, classes: String(classes) }), notes };
}
