#!/usr/bin/env node
// Makes samples/ from larger copies of the data sets:
//   node scripts/make-samples.mjs DIR   with DIR/cifar-100-binary and DIR/tiny-imagenet-200
// samples/models stays as it is: its card says where the model comes from.
// CIFAR-100: the first 50 train and 10 test images of each class. Tiny-ImageNet: 20 classes of
// 20 train and 5 val images. STL-10: a stand-in in its exact format, made of Tiny-ImageNet pictures.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

const source = process.argv[2];
if (!source) {
  process.stderr.write('usage: node scripts/make-samples.mjs DIR\n');
  process.exit(2);
}
const samples = fileURLToPath(new URL('../samples', import.meta.url));
const tinySource = path.join(source, 'tiny-imagenet-200');

function cifar() {
  const from = path.join(source, 'cifar-100-binary');
  const to = path.join(samples, 'cifar-100-binary');
  mkdirSync(to, { recursive: true });
  for (const [file, perClass] of [
    ['train.bin', 50],
    ['test.bin', 10],
  ]) {
    const data = readFileSync(path.join(from, file));
    const taken = new Array(100).fill(0);
    const kept = [];
    for (let at = 0; at < data.length; at += 3074) {
      const label = data[at + 1];
      if (taken[label]++ < perClass) kept.push(data.subarray(at, at + 3074));
    }
    writeFileSync(path.join(to, file), Buffer.concat(kept));
  }
  for (const file of ['coarse_label_names.txt', 'fine_label_names.txt'])
    copyFileSync(path.join(from, file), path.join(to, file));
}

const tinyClasses = [
  'n01443537',
  'n01641577',
  'n01855672',
  'n01882714',
  'n02056570',
  'n02094433',
  'n02123394',
  'n02129165',
  'n02165456',
  'n02279972',
  'n02403003',
  'n02481823',
  'n02504458',
  'n02917067',
  'n03100240',
  'n03662601',
  'n03796401',
  'n04146614',
  'n07747607',
  'n02410509',
].sort();

const lines = (file) => readFileSync(file, 'utf8').trim().split('\n');

function tinyImagenet() {
  const to = path.join(samples, 'tiny-imagenet-200');
  for (const wnid of tinyClasses) {
    const images = path.join(to, 'train', wnid, 'images');
    mkdirSync(images, { recursive: true });
    const kept = trainFiles(wnid).slice(0, 20);
    for (const name of kept)
      copyFileSync(path.join(tinySource, 'train', wnid, 'images', name), path.join(images, name));
    const boxes = lines(path.join(tinySource, 'train', wnid, `${wnid}_boxes.txt`));
    const ofKept = boxes.filter((line) => kept.includes(line.split('\t')[0]));
    writeFileSync(path.join(to, 'train', wnid, `${wnid}_boxes.txt`), `${ofKept.join('\n')}\n`);
  }
  mkdirSync(path.join(to, 'val/images'), { recursive: true });
  const annotations = valLines().filter((line) => tinyClasses.includes(line.split('\t')[1]));
  for (const line of annotations) {
    const [name] = line.split('\t');
    copyFileSync(path.join(tinySource, 'val/images', name), path.join(to, 'val/images', name));
  }
  writeFileSync(path.join(to, 'val/val_annotations.txt'), `${annotations.join('\n')}\n`);
  writeFileSync(path.join(to, 'wnids.txt'), `${tinyClasses.join('\n')}\n`);
  const words = lines(path.join(tinySource, 'words.txt')).filter((line) => tinyClasses.includes(line.split('\t')[0]));
  writeFileSync(path.join(to, 'words.txt'), `${words.join('\n')}\n`);
}

const valLines = () => lines(path.join(tinySource, 'val/val_annotations.txt'));
const trainFiles = (wnid) => readdirSync(path.join(tinySource, 'train', wnid, 'images')).sort();

// In STL-10's order of classes; there is no aircraft among the pictures, so trains stand for it.
const stlClasses = [
  ['airplane', 'n02917067'],
  ['bird', 'n01855672'],
  ['car', 'n04285008'],
  ['cat', 'n02123045'],
  ['deer', 'n02423022'],
  ['dog', 'n02099601'],
  ['horse', 'n02403003'],
  ['monkey', 'n02486410'],
  ['ship', 'n03447447'],
  ['truck', 'n03796401'],
];

/** 96×96, channel-first, column-major inside a plane, as STL-10 stores it. */
async function stlImage(file) {
  const side = 96;
  const { data } = await sharp(file)
    .toColourspace('srgb')
    .removeAlpha()
    .resize(side, side)
    .raw()
    .toBuffer({ resolveWithObject: true });
  const out = Buffer.alloc(side * side * 3);
  for (let c = 0; c < 3; c++)
    for (let x = 0; x < side; x++)
      for (let y = 0; y < side; y++) out[(c * side + x) * side + y] = data[(y * side + x) * 3 + c];
  return out;
}

async function stl10() {
  const to = path.join(samples, 'stl10_binary');
  mkdirSync(to, { recursive: true });
  const train = [];
  const test = [];
  for (const [label, [, wnid]] of stlClasses.entries()) {
    for (const name of trainFiles(wnid).slice(0, 20))
      train.push([label + 1, path.join(tinySource, 'train', wnid, 'images', name)]);
    for (const line of valLines().filter((l) => l.split('\t')[1] === wnid)) {
      test.push([label + 1, path.join(tinySource, 'val/images', line.split('\t')[0])]);
    }
  }
  for (const [split, files] of [
    ['train', train],
    ['test', test],
  ]) {
    const images = [];
    for (const [, file] of files) images.push(await stlImage(file));
    writeFileSync(path.join(to, `${split}_X.bin`), Buffer.concat(images));
    writeFileSync(path.join(to, `${split}_y.bin`), Buffer.from(files.map(([label]) => label)));
  }
  writeFileSync(path.join(to, 'class_names.txt'), `${stlClasses.map(([name]) => name).join('\n')}\n`);
  writeFileSync(
    path.join(to, 'STAND-IN.txt'),
    'stand-in made of Tiny-ImageNet pictures of like classes\nNot STL-10: 20 train and 5 test images a class in its file format, enlarged from 64x64.\n',
  );
}

for (const name of ['cifar-100-binary', 'tiny-imagenet-200', 'stl10_binary'])
  rmSync(path.join(samples, name), { recursive: true, force: true });
cifar();
tinyImagenet();
await stl10();
