import { Draws } from '@mcld/random/draws.js';
import { Purpose } from '@mcld/random/philox.js';
import type { Dataset, ImageSize } from '../readers/dataset.js';
import { type Augmentation, cropCodes, isEnumerated } from './augmentation.js';
import { jitterColors } from './color-jitter.js';
import { drawFramed, type Framing } from './framing.js';
import { padCrops } from './pad-crop.js';
import type { Picture } from './picture.js';
import { randAugment } from './rand-augment.js';
import { eraseBox } from './random-erasing.js';
import { randomBox } from './random-resized-crop.js';

/** All that a view's pixels depend on besides its image and its code. */
export interface ViewRules {
  readonly framing: Framing;
  /** Of the view. */
  readonly size: ImageSize;
  readonly augmentation: Augmentation;
  /** Of the draws; views of crop and flip alone do not depend on it. */
  readonly seed: number;
  /** The data set's mean as three bytes. */
  readonly meanColor: Uint8Array;
}

/**
 * Draws a view, uint8 [height, width, 3], at `at`. Its pixels are a pure function of the image, the rules and
 * (index, code); see BatchSequence for where codes come from.
 */
export async function drawView(
  picture: Picture,
  rules: ViewRules,
  { index, code }: { readonly index: number; readonly code: number },
  out: Uint8Array,
  at: number,
): Promise<void> {
  const { augmentation, seed } = rules;
  if (isEnumerated(augmentation)) return drawCrop(picture, rules, code, out, at);
  const drawsFor = (purpose: (typeof Purpose)[keyof typeof Purpose]) => new Draws(purpose, seed, index, code);
  await drawGeometry(picture, rules, drawsFor(Purpose.crop), out, at);
  const { height, width } = rules.size;
  changeContent(out.subarray(at, at + height * width * 3), rules, drawsFor);
}

async function drawGeometry(
  picture: Picture,
  rules: ViewRules,
  draws: Draws,
  out: Uint8Array,
  at: number,
): Promise<void> {
  const { augmentation, size } = rules;
  const { randomResizedCrop, horizontalFlip } = augmentation;
  if (!randomResizedCrop) return drawCrop(picture, rules, draws.below(cropCodes(augmentation)), out, at);
  const mirrored = horizontalFlip && draws.below(2) === 1;
  return picture.draw({ box: randomBox(picture, randomResizedCrop, draws), ...size, mirrored, out, at });
}

function changeContent(
  view: Uint8Array,
  { augmentation, size, meanColor }: ViewRules,
  drawsFor: (purpose: (typeof Purpose)[keyof typeof Purpose]) => Draws,
): void {
  const { colorJitter, randAugment: operations, randomErasing } = augmentation;
  if (colorJitter) jitterColors(view, colorJitter, drawsFor(Purpose.color));
  if (operations) randAugment(view, size, operations, drawsFor(Purpose.randAugment));
  if (randomErasing) eraseBox(view, size, randomErasing, meanColor, drawsFor(Purpose.erasing));
}

/** The framed image, padded, cropped and mirrored as the code says. */
async function drawCrop(
  picture: Picture,
  { framing, size, augmentation }: ViewRules,
  code: number,
  out: Uint8Array,
  at: number,
): Promise<void> {
  if (cropCodes(augmentation) === 1) return drawFramed(picture, framing, out, at);
  const bytes = size.height * size.width * 3;
  const framed = new Uint8Array(bytes);
  await drawFramed(picture, framing, framed, 0);
  padCrops(framed, size, augmentation, { index: [0], code: [code] }, out.subarray(at, at + bytes));
}

/**
 * Draws many views of images that lie in memory in the size of the views, when they are only cropped and mirrored: at
 * once, which is what CIFAR's speed comes from.
 * @returns false where the views are of another kind
 */
export function drawCrops(
  { raw, imageSize }: Pick<Dataset, 'raw' | 'imageSize'>,
  { framing, size, augmentation }: ViewRules,
  views: { readonly index: Uint32Array; readonly code: Uint32Array },
  out: Uint8Array,
): boolean {
  const asTheyAre = framing.resize === 0 && imageSize?.height === size.height && imageSize.width === size.width;
  if (!raw || !asTheyAre || !isEnumerated(augmentation)) return false;
  padCrops(raw, size, augmentation, views, out);
  return true;
}
