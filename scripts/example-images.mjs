#!/usr/bin/env node
// `node scripts/example-images.mjs DIR`: a folder of images as docs/own-images.md describes it, out of the photographs
// in samples/: 20 classes, 400 images to train on and 100 to test on.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const to = process.argv[2];
if (!to || existsSync(to)) {
  process.stderr.write(to ? `${to} is there already\n` : 'usage: node scripts/example-images.mjs DIR\n');
  process.exit(2);
}
const from = fileURLToPath(new URL('../samples/tiny-imagenet-200', import.meta.url));
const lines = (name) => readFileSync(path.join(from, name), 'utf8').trim().split('\n');
const words = new Map(lines('words.txt').map((line) => line.split('\t')));
const nameOf = (wnid) => words.get(wnid).split(',')[0].replaceAll(' ', '-');

function copy(file, split, wnid) {
  const folder = path.join(to, split, nameOf(wnid));
  mkdirSync(folder, { recursive: true });
  cpSync(file, path.join(folder, path.basename(file).toLowerCase().replace('.jpeg', '.jpg')));
}

for (const wnid of lines('wnids.txt')) {
  const folder = path.join(from, 'train', wnid, 'images');
  for (const name of readdirSync(folder)) copy(path.join(folder, name), 'train', wnid);
}
for (const line of lines('val/val_annotations.txt')) {
  const [name, wnid] = line.split('\t');
  copy(path.join(from, 'val/images', name), 'val', wnid);
}
process.stdout.write(`${to}\n`);
