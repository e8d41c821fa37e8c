import type { Classifier } from './layers.js';
import { cifarResnet } from './resnet-cifar.js';

const narrow = [16, 16, 32, 64] as const;
const wide = [32, 64, 128, 256] as const;

/** Every model by its name. Adding one: its file, and a line here. */
export const classifiers = {
  resnet8: cifarResnet(8, narrow),
  resnet14: cifarResnet(14, narrow),
  resnet20: cifarResnet(20, narrow),
  resnet32: cifarResnet(32, narrow),
  resnet44: cifarResnet(44, narrow),
  resnet56: cifarResnet(56, narrow),
  resnet110: cifarResnet(110, narrow),
  resnet8x4: cifarResnet(8, wide),
  resnet32x4: cifarResnet(32, wide),
} as const satisfies Record<string, Classifier>;

export type ModelName = keyof typeof classifiers;

export const modelNames = Object.keys(classifiers) as [ModelName, ...ModelName[]];

export function isModelName(name: string): name is ModelName {
  return Object.hasOwn(classifiers, name);
}
