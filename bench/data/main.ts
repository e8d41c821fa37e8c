/**
 * `npm run bench:data`: the data loader beside its peers, in turn, on one machine: crop and flip of CIFAR, the same
 * over gRPC, and JPEGs. `-- cifar`, `-- wire` and `-- jpeg` run one of them.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { verdict } from '../support/figures.js';
import { cifarBench } from './cifar.js';
import { jpegBench, makeJpegs } from './jpeg.js';
import { wireBench } from './wire.js';

const samples = fileURLToPath(new URL('../../samples', import.meta.url));
const cifar = path.join(samples, 'cifar-100-binary');
const wanted = (name: string) => process.argv.length < 3 || process.argv.includes(name);

console.log(`${cpus().length} cores (${cpus()[0]?.model}), Node ${process.version}`);
const goals: [string, number, number][] = [];
if (wanted('cifar')) goals.push(['CIFAR over the best of torchvision', await cifarBench(cifar), 20]);
if (wanted('wire')) goals.push(['gRPC over bare grpc-js', await wireBench(cifar), 0.8]);
if (wanted('jpeg')) {
  const folder = mkdtempSync(path.join(tmpdir(), 'mcld-jpeg-'));
  await makeJpegs(path.join(samples, 'tiny-imagenet-200'), folder);
  goals.push(['JPEG over Pillow', await jpegBench(folder), 1.5]);
  rmSync(folder, { recursive: true });
}
console.log('');
for (const [name, ratio, goal] of goals) verdict(name, ratio, '≥', goal);
