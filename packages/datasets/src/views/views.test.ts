import { drawPixels } from '@mcld/native/drawing.js';
import { Draws } from '@mcld/random/draws.js';
import { Purpose } from '@mcld/random/philox.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Augmentation, augmentationSchema, identityView, noAugmentation, viewCodes } from './augmentation.js';
import { BatchSequence } from './batch-sequence.js';
import { framedSize, framingOf } from './framing.js';
import { padCrops } from './pad-crop.js';
import { RawPicture } from './picture.js';
import { randomBox } from './random-resized-crop.js';
import { drawView, type ViewRules } from './view.js';

const cropAndFlip: Augmentation = { ...noAugmentation, cropPadding: 4, horizontalFlip: true };
const size = { height: 32, width: 32 };
const image = Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => (i * 7) % 251);

describe('crop and flip', () => {
  it('have 162 views an image for padding 4', () => {
    expect(viewCodes(cropAndFlip)).toBe(162);
  });

  it('cut the zero-padded image, mirrored for odd codes', () => {
    const padded = (y: number, x: number, c: number) =>
      y < 0 || x < 0 || y > 31 || x > 31 ? 0 : image[(y * 32 + x) * 3 + c]!;
    const out = new Uint8Array(image.length);
    for (let code = 0; code < 162; code++) {
      padCrops(image, size, cropAndFlip, { index: [0], code: [code] }, out);
      const [dx, dy] = [((code >> 1) % 9) - 4, Math.floor((code >> 1) / 9) - 4];
      for (const [y, x] of [
        [0, 0],
        [0, 31],
        [31, 0],
        [31, 31],
        [12, 20],
      ] as const) {
        const source = code & 1 ? 31 - x : x;
        for (let c = 0; c < 3; c++) expect(out[(y * 32 + x) * 3 + c]).toBe(padded(y + dy, source + dx, c));
      }
    }
  });

  it('have the image itself among them', () => {
    const out = new Uint8Array(image.length);
    padCrops(image, size, cropAndFlip, { index: [0], code: [identityView(cropAndFlip)] }, out);
    expect(out).toEqual(image);
  });
});

describe('a batch sequence', () => {
  const spec = { count: 103, batchSize: 10, augmentation: cropAndFlip, shuffle: true, seed: 5 };

  it('is the same whatever the order of asking', () => {
    const cursors = [...new BatchSequence(spec).cursors({ epoch: 0, step: 0 }, 3)];
    const forward = new BatchSequence(spec);
    const backward = new BatchSequence(spec);
    const there = cursors.map((cursor) => forward.views(cursor));
    const back = [...cursors]
      .reverse()
      .map((cursor) => backward.views(cursor))
      .reverse();
    expect(back).toEqual(there);
  });

  it('shows each image once an epoch and keeps the smaller last batch', () => {
    const sequence = new BatchSequence(spec);
    const epoch = Array.from({ length: sequence.stepsPerEpoch }, (_, step) => sequence.views({ epoch: 2, step }));
    expect(epoch.at(-1)!.index).toHaveLength(3);
    expect(epoch.flatMap(({ index }) => [...index]).sort((a, b) => a - b)).toEqual([...Array(103).keys()]);
  });

  it('refuses a step that is not in the epoch', () => {
    expect(() => new BatchSequence(spec).views({ epoch: 0, step: 11 })).toThrow('an epoch has steps 0 to 10');
  });

  it('shows several views of an image in a step, side by side', () => {
    const several = new BatchSequence({ ...spec, augmentation: { ...cropAndFlip, viewsPerStep: 3 } });
    const { index, code } = several.views({ epoch: 1, step: 0 });
    expect(index).toHaveLength(30);
    expect([index[0], index[1], index[2]]).toEqual([index[0], index[0], index[0]]);
    expect(new Set(code).size).toBeGreaterThan(20);
  });

  it.each([
    [{ ...cropAndFlip, viewsPerImage: 2 }],
    [augmentationSchema.parse({ ...cropAndFlip, colorJitter: { hue: 0.1 }, viewsPerImage: 2 })],
  ])('comes back to the same views after viewsPerImage epochs', (augmentation) => {
    const codes = (epoch: number) => {
      const sequence = new BatchSequence({ ...spec, augmentation, shuffle: false });
      return sequence.views({ epoch, step: 4 }).code;
    };
    expect(codes(2)).toEqual(codes(0));
    expect(codes(3)).toEqual(codes(1));
    expect(codes(1)).not.toEqual(codes(0));
  });
});

describe('any view', () => {
  const pair = (least: number, most: number) =>
    fc
      .tuple(fc.double({ min: least, max: most, noNaN: true }), fc.double({ min: least, max: most, noNaN: true }))
      .map((ends) => ends.sort((a, b) => a - b));
  const augmentations = fc.record(
    {
      cropPadding: fc.integer({ min: 0, max: 8 }),
      horizontalFlip: fc.boolean(),
      randomResizedCrop: fc.record({ scale: pair(0.05, 1), ratio: pair(0.3, 3) }),
      colorJitter: fc.record({
        brightness: fc.double({ min: 0, max: 1, noNaN: true }),
        hue: fc.double({ min: 0, max: 0.5, noNaN: true }),
      }),
      randAugment: fc.record({ ops: fc.integer({ min: 1, max: 3 }), magnitude: fc.integer({ min: 0, max: 30 }) }),
      randomErasing: fc.record({ probability: fc.constant(1) }),
    },
    { requiredKeys: ['cropPadding', 'horizontalFlip'] },
  );
  const framings = fc.record({ size: fc.integer({ min: 8, max: 48 }), resize: fc.constantFrom(0, 48, 56) });

  it('is a pure function of (image, rules, index, code), whatever was drawn before', async () => {
    const shape = fc.record({ height: fc.integer({ min: 1, max: 70 }), width: fc.integer({ min: 1, max: 70 }) });
    const address = fc.record({ index: fc.nat(1e6), code: fc.nat(160) });
    await fc.assert(
      fc.asyncProperty(
        shape,
        augmentations,
        framings,
        fc.nat(1e9),
        address,
        async (source, wanted, framing, seed, view) => {
          const augmentation = augmentationSchema.parse(wanted);
          const pixels = Uint8Array.from(
            { length: source.height * source.width * 3 },
            (_, i) => (i * 97 + (i >> 4)) & 255,
          );
          const rules: ViewRules = {
            framing: framingOf({ imageSize: source }, framing),
            size: framedSize({ imageSize: source }, framing),
            augmentation,
            seed,
            meanColor: Uint8Array.of(1, 2, 3),
          };
          const draw = async (index: number, code: number) => {
            const out = new Uint8Array(rules.size.height * rules.size.width * 3 + 7).fill(9);
            await drawView(new RawPicture(pixels, source.height, source.width), rules, { index, code }, out, 3);
            return out;
          };
          const safe = { index: view.index, code: view.code % Math.min(161, viewCodes(augmentation)) };
          const first = await draw(safe.index, safe.code);
          await draw(safe.index + 1, 0);
          expect(await draw(safe.index, safe.code)).toEqual(first);
          // Nothing beside the view is touched.
          expect([first[2], first.at(-1)]).toEqual([9, 9]);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('of a random box is as torchvision draws it: inside, and of the area and shape asked for', () => {
    const wanted = { scale: [0.08, 1] as [number, number], ratio: [3 / 4, 4 / 3] as [number, number] };
    let area = 0;
    for (let i = 0; i < 2000; i++) {
      const box = randomBox({ height: 375, width: 500 }, wanted, new Draws(Purpose.crop, 1, i, 0));
      expect(box.x + box.width <= 500 && box.y + box.height <= 375 && box.x >= 0 && box.y >= 0).toBe(true);
      expect(Math.abs(Math.log(box.width / box.height))).toBeLessThan(Math.log(4 / 3) + 0.05);
      area += (box.width * box.height) / (500 * 375) / 2000;
    }
    // torchvision 0.29 over 20,000 draws at this size: 0.433.
    expect(area).toBeGreaterThan(0.41);
    expect(area).toBeLessThan(0.455);
  });
});

describe('resize', () => {
  const source = Uint8Array.from({ length: 8 * 8 * 3 }, (_, i) => {
    const [y, x, c] = [Math.floor(i / 24), Math.floor((i % 24) / 3), i % 3];
    return (x * 37 + y * 91 + c * 53) % 256;
  });

  // Pillow: Image.resize((3, 3), BILINEAR), and the first row of (12, 12).
  it.each([
    [
      3,
      [
        102, 131, 135, 132, 150, 133, 117, 125, 137, 119, 132, 140, 111, 132, 129, 126, 146, 132, 127, 149, 133, 126,
        132, 135, 99, 128, 132,
      ],
    ],
    [
      12,
      [
        0, 53, 106, 19, 72, 125, 43, 96, 149, 68, 121, 174, 93, 146, 199, 117, 170, 223, 142, 195, 248, 167, 220, 145,
        191, 201, 41, 216, 56, 66, 113, 38, 91, 3, 56, 109,
      ],
    ],
  ])('to %i is Pillow’s bilinear', (side, expected) => {
    const out = new Uint8Array(side * side * 3);
    const box = { x: 0, y: 0, width: 8, height: 8 };
    drawPixels(source, [8, 8], { box, height: side, width: side, mirrored: false, out, at: 0 });
    expect([...out.subarray(0, expected.length)]).toEqual(expected);
  });

  it('takes no box outside the image, and writes nowhere outside its output', () => {
    const draw =
      (box: object, more: object = {}) =>
      () =>
        drawPixels(source, [8, 8], {
          box: { x: 0, y: 0, width: 8, height: 8, ...box },
          ...{ height: 4, width: 4, mirrored: false, out: new Uint8Array(48), at: 0, ...more },
        });
    for (const box of [{ x: -1 }, { y: 1 }, { width: 9 }, { height: 0 }, { x: 0.5 }, { width: Number.NaN }])
      expect(draw(box)).toThrow('no box');
    for (const more of [{ at: 1 }, { at: -1 }, { height: 5 }]) expect(draw({}, more)).toThrow('do not fit');
  });
});
