/**
 * `npm run bench:scale`: what distillation needs of network, disk and replicas at ImageNet's size, computed from
 * measured constants; docs/scaling.md explains. `-- key=value …` puts in one's own (keys: the fields of `defaults`).
 */
import { noAugmentation } from '@mcld/datasets/views/augmentation.js';
import { BatchSequence } from '@mcld/datasets/views/batch-sequence.js';

/** Constants; images a second are of one unit (a GPU, a core) each. */
const defaults = {
  images: 1_281_167,
  classes: 1000,
  side: 224,
  epochs: 300,
  /** Student's training step and teacher's forward pass on a GPU (an assumption: measure yours). */
  studentRate: 2500,
  teacherRate: 5000,
  /** JPEG decode and RandomResizedCrop on a core (bench:data). */
  decodeRate: 650,
  coresPerLoader: 16,
  /** MB/s that one loader process sends (bench:data: batches over gRPC). */
  loaderMegabytes: 550,
  /** Logit rows a second that one teacher process reads (bench:store). */
  rowRate: 2_000_000,
  networkGigabits: 25,
};

type Constants = typeof defaults;

function constants(args: readonly string[]): Constants {
  const found: Constants = { ...defaults };
  for (const argument of args) {
    const [key = '', value = ''] = argument.split('=');
    if (!Object.hasOwn(defaults, key) || !(Number(value) > 0)) {
      throw new Error(`'${argument}': expected key=number, the keys being ${Object.keys(defaults).join(', ')}`);
    }
    found[key as keyof Constants] = Number(value);
  }
  return found;
}

/** Bytes of a stored row with its key. */
function rowBytes(precision: string, classes: number): number {
  const kept = Number(/topk:(\d+)/.exec(precision)?.[1] ?? 0);
  const words = kept > 0 ? 1 + kept + Math.ceil(kept / 2) : precision === 'fp16' ? Math.ceil(classes / 2) : classes;
  return 4 * words + 16;
}

interface Plan {
  readonly gpus: number;
  readonly viewsPerImage: number;
  readonly precision: string;
}

/** What a plan comes to, the student taking as many images as its GPUs can. */
function simulate(c: Constants, { gpus, viewsPerImage, precision }: Plan) {
  const views = viewsPerImage === 0 ? c.epochs : Math.min(viewsPerImage, c.epochs);
  const students = gpus * c.studentRate;
  // The first run computes each view once; the more epochs share it, the fewer passes an image.
  const share = views / c.epochs;
  const pixels = c.side * c.side * 3;
  const toStudents = students * pixels;
  const toTeacher = students * share * pixels;
  const loaders = Math.max(
    Math.ceil((students * (1 + share)) / (c.decodeRate * c.coresPerLoader)),
    Math.ceil((toStudents + toTeacher) / (c.loaderMegabytes * 1e6)),
  );
  return {
    hours: (c.images * c.epochs) / students / 3600,
    decodeCores: Math.ceil((students * (1 + share)) / c.decodeRate),
    loaders,
    gigabits: ((toStudents + toTeacher) * 8) / 1e9,
    teacherGpus: (students * share) / c.teacherRate,
    passes: views,
    storeTerabytes: (c.images * views * rowBytes(precision, c.classes)) / 1e12,
    logitMegabytes: (students * 4 * c.classes) / 1e6,
    storeShare: students / c.rowRate,
  };
}

/** Distinct views of an image that CIFAR's plan comes to, counted by making it. */
function cifarPasses(images: number, epochs: number): number {
  const augmentation = { ...noAugmentation, cropPadding: 4, horizontalFlip: true };
  const sequence = new BatchSequence({ count: images, batchSize: 64, augmentation, shuffle: true, seed: 0 });
  const seen = new Set<number>();
  for (const cursor of sequence.cursors({ epoch: 0, step: 0 }, epochs)) {
    const { index, code } = sequence.views(cursor);
    for (let i = 0; i < index.length; i++) seen.add((index[i] as number) * 162 + (code[i] as number));
  }
  return seen.size / images;
}

const c = constants(process.argv.slice(2));
const passes = cifarPasses(10_000, 240);
const expected = 162 * (1 - (161 / 162) ** 240);
console.log(
  `teacher passes an image of a 240-epoch CIFAR run: ${passes.toFixed(2)} (expected ${expected.toFixed(2)}; goal ≤ 125.5) ${passes <= 125.5 ? 'reached' : 'MISSED'}`,
);
console.log(`\nImageNet-1k, ResNet34 → ResNet18, ${c.epochs} epochs, ${JSON.stringify(c)}`);
console.log(
  'GPUs   views   precision   hours   decode cores   loaders   Gbit/s   teacher GPUs   store TB   logits MB/s   busiest',
);
for (const gpus of [1, 8, 64]) {
  for (const viewsPerImage of [0, 50, 10]) {
    for (const precision of viewsPerImage === 10 ? ['fp32', 'fp16', 'topk:64'] : ['fp16']) {
      const s = simulate(c, { gpus, viewsPerImage, precision });
      // A loader's network carries what it sends; the teacher's share is GPUs it needs for each of the student's.
      const loads: [string, number][] = [
        ['network of a loader', s.gigabits / s.loaders / c.networkGigabits],
        ['loader process', ((s.gigabits / 8) * 1e9) / (s.loaders * c.loaderMegabytes * 1e6)],
        ['decoding', s.decodeCores / (s.loaders * c.coresPerLoader)],
        ['store look-ups', s.storeShare],
      ];
      const [busiest] = loads.sort((a, b) => b[1] - a[1]) as [[string, number]];
      console.log(
        [
          String(gpus).padStart(4),
          String(viewsPerImage || '∞').padStart(8),
          precision.padStart(12),
          s.hours.toFixed(1).padStart(8),
          String(s.decodeCores).padStart(15),
          String(s.loaders).padStart(10),
          s.gigabits.toFixed(1).padStart(9),
          s.teacherGpus.toFixed(2).padStart(15),
          s.storeTerabytes.toFixed(2).padStart(11),
          s.logitMegabytes.toFixed(0).padStart(14),
          `   ${busiest[0]} ${(100 * busiest[1]).toFixed(0)} %`,
        ].join(''),
      );
    }
  }
}
