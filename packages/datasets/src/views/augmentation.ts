import { z } from 'zod';

/** Two ends of a range. */
const range = (least: number, most: number) =>
  z
    .tuple([z.number().positive(), z.number().positive()])
    .refine(([from, to]) => from <= to, 'expected [least, most]')
    .default([least, most]);

const resizedCrop = z.strictObject({
  scale: range(0.08, 1)
    .refine(([, most]) => most <= 1, 'expected at most 1')
    .describe("share of the image's area, least and most"),
  ratio: range(3 / 4, 4 / 3).describe('width over height, least and most; uniform in its logarithm'),
});

const strength = z.number().min(0).max(10).default(0).describe('factors are uniform in 1 ± this');

const colorJitter = z.strictObject({
  brightness: strength,
  contrast: strength,
  saturation: strength,
  hue: z.number().min(0).max(0.5).default(0).describe('in turns'),
});

const randAugment = z.strictObject({
  ops: z.int().min(1).max(14).default(2).describe('random operations an image'),
  magnitude: z.int().min(0).max(30).default(9),
});

const randomErasing = z.strictObject({
  probability: z.number().min(0).max(1).default(0.5),
  area: range(0.02, 0.33).refine(([, most]) => most < 1, 'expected less than 1'),
  ratio: range(0.3, 3.3),
});

/** View numbers that a run stays below; bounds what a wire can ask for. */
export const MAX_VIEW_NUMBER = 1 << 20;

/** How views of an image are made. Names, defaults and results are torchvision's. */
export const augmentationSchema = z.strictObject({
  cropPadding: z.int().min(0).max(16).describe('zeros on each side before a crop of the same size, pixels'),
  horizontalFlip: z.boolean(),
  randomResizedCrop: resizedCrop.optional().describe('a random box instead of the whole image'),
  colorJitter: colorJitter.optional(),
  randAugment: randAugment.optional().describe('Cubuk et al., 2020'),
  randomErasing: randomErasing.optional().describe("Zhong et al., 2020; in the data set's mean colour"),
  viewsPerImage: z
    .int()
    .min(0)
    .max(MAX_VIEW_NUMBER)
    .default(0)
    .describe('views that an image has before they come again, epoch by epoch; 0: no end'),
  viewsPerStep: z.int().min(1).max(16).default(1).describe('views of each image in a step'),
});

export type Augmentation = Readonly<z.output<typeof augmentationSchema>>;
export type ResizedCrop = z.output<typeof resizedCrop>;
export type ColorJitter = z.output<typeof colorJitter>;
export type RandAugment = z.output<typeof randAugment>;
export type RandomErasing = z.output<typeof randomErasing>;

export const noAugmentation: Augmentation = {
  cropPadding: 0,
  horizontalFlip: false,
  viewsPerImage: 0,
  viewsPerStep: 1,
};

/**
 * Whether a view's code tells all of it, so that runs of any seed share views: crop and flip. Otherwise the
 * code is a view's number, and its details are drawn from (seed, image, number).
 */
export function isEnumerated({
  randomResizedCrop,
  colorJitter: jitter,
  randAugment: rand,
  randomErasing: erasing,
}: Augmentation): boolean {
  return !randomResizedCrop && !jitter && !rand && !erasing;
}

/** Codes of crop and flip: 162 for CIFAR's padding of 4 with flips. */
export function cropCodes({ cropPadding, horizontalFlip }: Augmentation): number {
  return (2 * cropPadding + 1) ** 2 * (horizontalFlip ? 2 : 1);
}

/** Codes that a view can have. */
export function viewCodes(augmentation: Augmentation): number {
  if (isEnumerated(augmentation)) return cropCodes(augmentation);
  return augmentation.viewsPerImage || MAX_VIEW_NUMBER;
}

/** The code of the view that is the image itself. */
export function identityView({ cropPadding, horizontalFlip }: Augmentation): number {
  return (cropPadding * (2 * cropPadding + 1) + cropPadding) * (horizontalFlip ? 2 : 1);
}

/** What a view's pixels depend on besides its image, its size and its code: part of cache keys. */
export function viewsAddress(augmentation: Augmentation, seed: number): string {
  const {
    cropPadding,
    horizontalFlip,
    randomResizedCrop,
    colorJitter: jitter,
    randAugment: rand,
    randomErasing: erasing,
  } = augmentation;
  const drawn = isEnumerated(augmentation) ? [] : [randomResizedCrop, jitter, rand, erasing, seed];
  return JSON.stringify([cropPadding, horizontalFlip, ...drawn]);
}
