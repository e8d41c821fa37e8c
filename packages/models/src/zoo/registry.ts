import type { ModelDefinition } from '../layers/layers.js';
import { mobilenetV1 } from './mobilenet-v1.js';
import { cifarMobilenetV2, imagenetMobilenetV2 } from './mobilenet-v2.js';
import { cifarResnet, cifarStemResnet, imagenetResnet } from './resnet.js';
import { shufflenetV1 } from './shufflenet-v1.js';
import { shufflenetV2 } from './shufflenet-v2.js';
import { vgg } from './vgg.js';
import { deitTiny } from './vision-transformer.js';
import { wideResnet } from './wide-resnet.js';

const narrow = [16, 16, 32, 64] as const;
const wide = [32, 64, 128, 256] as const;

/** Every model by its name. Adding one: its file, and a line here. */
export const models = {
  resnet8: cifarResnet(8, narrow),
  resnet14: cifarResnet(14, narrow),
  resnet20: cifarResnet(20, narrow),
  resnet32: cifarResnet(32, narrow),
  resnet44: cifarResnet(44, narrow),
  resnet56: cifarResnet(56, narrow),
  resnet110: cifarResnet(110, narrow),
  resnet8x4: cifarResnet(8, wide),
  resnet32x4: cifarResnet(32, wide),
  ResNet18: cifarStemResnet([2, 2, 2, 2], false),
  ResNet50: cifarStemResnet([3, 4, 6, 3], true),
  wrn_16_1: wideResnet(16, 1),
  wrn_16_2: wideResnet(16, 2),
  wrn_40_1: wideResnet(40, 1),
  wrn_40_2: wideResnet(40, 2),
  vgg8: vgg([1, 1, 1, 1, 1]),
  vgg11: vgg([1, 1, 2, 2, 2]),
  vgg13: vgg([2, 2, 2, 2, 2]),
  vgg16: vgg([2, 2, 3, 3, 3]),
  vgg19: vgg([2, 2, 4, 4, 4]),
  MobileNetV2: cifarMobilenetV2(),
  ShuffleV1: shufflenetV1(),
  ShuffleV2: shufflenetV2(),
  deit_tiny_patch4_32: deitTiny(32, 4),
  resnet18_imagenet: imagenetResnet([2, 2, 2, 2], false),
  resnet34_imagenet: imagenetResnet([3, 4, 6, 3], false),
  resnet50_imagenet: imagenetResnet([3, 4, 6, 3], true),
  mobilenet_v1_imagenet: mobilenetV1(),
  mobilenet_v2_imagenet: imagenetMobilenetV2(),
  deit_tiny_patch16_224: deitTiny(224, 16),
} as const satisfies Record<string, ModelDefinition>;

export type ModelName = keyof typeof models;

export const isModelName = (name: string): name is ModelName => Object.hasOwn(models, name);

export const modelNames = Object.keys(models).filter(isModelName);
