import { type ModelName, models } from '../zoo/registry.js';
import { DeclaringLayers } from './declaring-layers.js';
import { elements, isTrainable, type ParameterSpec } from './parameter-spec.js';

export interface ModelSummary {
  /** In PyTorch's state_dict order, without num_batches_tracked. */
  readonly parameters: readonly ParameterSpec[];
  /** Trainable scalars. */
  readonly size: number;
  /** Multiply-adds of one image's forward pass: convolutions, linear layers, attention. */
  readonly multiplyAdds: number;
  /** Floats of one image that training keeps between forward and backward: every layer's result. */
  readonly activations: number;
  readonly features: number;
  /** Height of the smallest feature map on the way; below 1 where the image is too small for the model. */
  readonly smallestMap: number;
  /** Whether it has an embedding for each place of an image, and so takes images of one size. */
  readonly isPlaced: boolean;
  /** Shares of the stochastic depth of the branches that can be left out, in their order. */
  readonly droppable: readonly number[];
}

/** Height and width that a model's images must have; undefined where it takes any. */
export const fixedImageSize = (model: ModelName): number | undefined =>
  declareParameters(model, 1).isPlaced ? models[model].imageSize : undefined;

/**
 * What a model consists of: its definition run on shapes alone.
 * @param size height and width of its images, default what it was designed for
 */
export function declareParameters(model: ModelName, classes: number, size = models[model].imageSize): ModelSummary {
  const layers = new DeclaringLayers();
  const { features } = models[model].classify(layers, { height: size, channels: 3 }, classes);
  const { parameters, multiplyAdds, activations, smallestMap, isPlaced, droppable } = layers;
  return {
    parameters,
    size: parameters.filter(isTrainable).reduce((sum, { shape }) => sum + elements(shape), 0),
    multiplyAdds,
    activations,
    features: features.channels,
    smallestMap,
    isPlaced,
    droppable,
  };
}
