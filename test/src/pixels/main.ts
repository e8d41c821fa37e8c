/**
 * `npm run pixels`: decoding of every format, and boxes, resizes, frames and changes of colour of 200 photographs,
 * against Pillow's and torchvision's, which the script's own Python environment has. Prints the largest differences in
 * grey levels; exits 1 past the limits.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as colors from '@mcld/datasets/views/color-changes.js';
import { drawFramed } from '@mcld/datasets/views/framing.js';
import { openPicture, type Picture } from '@mcld/datasets/views/picture.js';
import { randomBox } from '@mcld/datasets/views/random-resized-crop.js';
import { Draws } from '@mcld/random/draws.js';
import { Purpose } from '@mcld/random/philox.js';
import { Differences } from './differences.js';
import { compareFormats } from './formats.js';

const IMAGES = 200;
const SIDE = 64;

interface Job {
  readonly file: string;
  readonly kind: string;
  readonly box?: readonly number[];
  readonly size?: number;
  readonly resize?: number;
  readonly factor?: number;
}

interface Check {
  readonly name: string;
  /** Most grey levels that it may be off. */
  readonly limit: number;
  job(n: number): Omit<Job, 'file'>;
  draw(picture: Picture, job: Omit<Job, 'file'>): Promise<Uint8Array>;
}

const folder = fileURLToPath(new URL('../../../samples/tiny-imagenet-200/train', import.meta.url));
const files = readdirSync(folder)
  .flatMap((wnid) =>
    readdirSync(path.join(folder, wnid, 'images')).map((name) => path.join(folder, wnid, 'images', name)),
  )
  .filter((_, i) => i % 2 === 0)
  .slice(0, IMAGES);

async function boxed(picture: Picture, box: readonly number[], size: number): Promise<Uint8Array> {
  const [x, y, width, height] = box as [number, number, number, number];
  const out = new Uint8Array(size * size * 3);
  await picture.draw({ box: { x, y, width, height }, height: size, width: size, mirrored: false, out, at: 0 });
  return out;
}

const whole = (picture: Picture) => boxed(picture, [0, 0, SIDE, SIDE], SIDE);

const wanted = { scale: [0.08, 1], ratio: [3 / 4, 4 / 3] } as { scale: [number, number]; ratio: [number, number] };

function boxJob(kind: string) {
  return (n: number) => {
    const { x, y, width, height } = randomBox({ height: SIDE, width: SIDE }, wanted, new Draws(Purpose.crop, 7, n, 0));
    return { kind, box: [x, y, width, height], size: n % 2 === 0 ? 32 : 48 };
  };
}

function change(kind: string, factors: readonly number[], apply: (image: Uint8Array, factor: number) => void): Check {
  return {
    name: kind,
    limit: 1,
    job: (n) => ({ kind, factor: factors[n % factors.length] as number }),
    async draw(picture, { factor }) {
      const image = await whole(picture);
      apply(image, factor as number);
      return image;
    },
  };
}

const checks: readonly Check[] = [
  { name: 'decoding', limit: 0, job: () => ({ kind: 'decode' }), draw: whole },
  {
    name: 'random boxes, against Pillow',
    limit: 0,
    job: boxJob('box'),
    draw: (picture, { box, size }) => boxed(picture, box as number[], size as number),
  },
  {
    name: 'random boxes, against float tensors',
    limit: 1,
    job: boxJob('box-float'),
    draw: (picture, { box, size }) => boxed(picture, box as number[], size as number),
  },
  {
    // torchvision rounds bytes' weights to 16 bits and always goes over them horizontally first: Pillow is as far from
    // it.
    name: 'random boxes, against byte tensors',
    limit: 2,
    job: boxJob('box-bytes'),
    draw: (picture, { box, size }) => boxed(picture, box as number[], size as number),
  },
  {
    name: 'resize to a square',
    limit: 0,
    job: (n) => ({ kind: 'stretch', size: [32, 17, 96][n % 3] as number }),
    draw: (picture, { size }) => boxed(picture, [0, 0, SIDE, SIDE], size as number),
  },
  {
    name: 'resize and centre crop',
    limit: 0,
    job: (n) => ({ kind: 'frame', size: 32, resize: [36, 37, 40][n % 3] as number }),
    async draw(picture, { size = 0, resize = 0 }) {
      const out = new Uint8Array(size * size * 3);
      await drawFramed(picture, { size, resize }, out, 0);
      return out;
    },
  },
  change('brightness', [0.3, 1.4], colors.adjustBrightness),
  change('contrast', [0.3, 1.4], colors.adjustContrast),
  change('saturation', [0.3, 1.4], colors.adjustSaturation),
  change('hue', [-0.4, 0.1, 0.5], colors.adjustHue),
  change('sharpness', [0.2, 1.7], (image, factor) => colors.adjustSharpness(image, SIDE, factor)),
  change('posterize', [4, 6], colors.posterize),
  change('solarize', [100, 200], colors.solarize),
  change('autocontrast', [0], colors.autoContrast),
  change('equalize', [0], colors.equalize),
];

function peer(jobs: readonly Job[]): Buffer {
  const scratch = mkdtempSync(path.join(tmpdir(), 'mcld-pixels-'));
  const out = path.join(scratch, 'pixels');
  const script = fileURLToPath(new URL('../../python/pixels.py', import.meta.url));
  execFileSync(process.env.MCLD_PYTHON ?? 'python3', [script, out], {
    input: JSON.stringify(jobs),
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  const pixels = readFileSync(out);
  rmSync(scratch, { recursive: true });
  return pixels;
}

let [passed, failed] = [0, 0];

function report(name: string, limit: number, { worst, off, values, where }: Differences): void {
  const good = worst <= limit;
  if (good) passed++;
  else failed++;
  const share = ((100 * off) / values).toFixed(2);
  const verdict = good ? '' : `  FAILED, ${where}`;
  console.log(`${name.padEnd(48)} at most ${worst} (limit ${limit}); ${share} % differ${verdict}`);
}

console.log(`${files.length} photographs; differences in grey levels of 255`);
for (const { name, limit, job, draw } of checks) {
  const jobs = files.map((file, n) => ({ file, ...job(n) }));
  const theirs = peer(jobs);
  const differences = new Differences();
  let at = 0;
  for (const { file, ...rest } of jobs) {
    const ours = await draw(await openPicture(readFileSync(file), file), rest);
    differences.add(ours, theirs.subarray(at, at + ours.length), file);
    at += ours.length;
  }
  if (at !== theirs.length) throw new Error(`${name}: ${theirs.length} bytes from Python, ${at} here`);
  report(name, limit, differences);
}
for (const [ending, differences] of await compareFormats(files.filter((_, i) => i % 25 === 0))) {
  report(`.${ending}: ${differences.pictures} files, decoded`, 0, differences);
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
