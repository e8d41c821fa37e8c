/**
 * JPEGs of 500×375 decoded and cut at random to 224: beside torchvision with Pillow, and with its own turbo decoder.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { augmentationSchema } from '@mcld/datasets/views/augmentation.js';
import { openPicture } from '@mcld/datasets/views/picture.js';
import { drawView } from '@mcld/datasets/views/view.js';
import sharp from 'sharp';
import { median } from '../support/figures.js';
import { peerRate } from './peer.js';

const ROUNDS = 5;
const SECONDS = 4;
const IMAGES = 200;
const TILE = 128;

/** Photographs of ImageNet's usual size, put together of Tiny-ImageNet's, blown up twice: about 60 kB each. */
export async function makeJpegs(tiny: string, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const train = path.join(tiny, 'train');
  const files = readdirSync(train).flatMap((wnid) => {
    const images = path.join(train, wnid, 'images');
    return readdirSync(images).map((name) => path.join(images, name));
  });
  let next = 0;
  for (let n = 0; n < IMAGES; n++) {
    const tiles = [];
    for (let place = 0; place < 12; place++) {
      const file = files[(next++ * 37) % files.length] as string;
      const input = await sharp(file).toColourspace('srgb').resize(TILE, TILE).png().toBuffer();
      tiles.push({ input, left: (place % 4) * TILE, top: Math.floor(place / 4) * TILE });
    }
    const background = { width: 4 * TILE, height: 3 * TILE, channels: 3, background: 'black' } as const;
    const whole = await sharp({ create: background }).composite(tiles).png().toBuffer();
    const jpeg = sharp(whole).extract({ left: 6, top: 4, width: 500, height: 375 }).jpeg({ quality: 92 });
    writeFileSync(path.join(folder, `${String(n).padStart(3, '0')}.jpg`), await jpeg.toBuffer());
  }
}

/** @returns ours over Pillow's, median of rounds */
export async function jpegBench(folder: string): Promise<number> {
  const files = readdirSync(folder).map((name) => readFileSync(path.join(folder, name)));
  const size = { height: 224, width: 224 };
  const augmentation = augmentationSchema.parse({ cropPadding: 0, horizontalFlip: true, randomResizedCrop: {} });
  const rules = { framing: { size: 224, resize: 256 }, size, augmentation, seed: 1, meanColor: new Uint8Array(3) };
  const out = new Uint8Array(224 * 224 * 3);

  /** One image at a time: one core. */
  async function ours(): Promise<{ rate: number; cpu: number }> {
    let images = 0;
    const begin = performance.now();
    const used = process.cpuUsage();
    for (let code = 0; performance.now() - begin < SECONDS * 1000; code++) {
      for (const [index, bytes] of files.entries()) {
        await drawView(await openPicture(bytes, 'image'), rules, { index, code }, out, 0);
        images++;
      }
    }
    const { user, system } = process.cpuUsage(used);
    return { rate: images / ((performance.now() - begin) / 1000), cpu: images / ((user + system) / 1e6) };
  }

  const ratios: number[] = [];
  console.log(
    '\nJPEG 500×375, decoded, RandomResizedCrop 224, flip; images/s one after another, and a second of processor time',
  );
  console.log('round   Pillow   torchvision turbo     here   a CPU second   ratio to Pillow, to turbo');
  for (let round = 1; round <= ROUNDS; round++) {
    const [pil, turbo] = [peerRate('jpeg', folder, 'pil'), peerRate('jpeg', folder, 'turbo')];
    const { rate, cpu } = await ours();
    ratios.push(rate / pil);
    console.log(
      `${String(round).padStart(5)}${pil.toFixed(0).padStart(9)}${turbo.toFixed(0).padStart(20)}${rate.toFixed(0).padStart(9)}${cpu.toFixed(0).padStart(15)}${(rate / pil).toFixed(2).padStart(15)}${(rate / turbo).toFixed(2).padStart(9)}`,
    );
  }
  return median(ratios);
}
