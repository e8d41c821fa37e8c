import type { DescribeDatasetResponse } from '@mcld/contracts/mcld/v1/data_loader.js';
import type { ViewAddress } from '@mcld/feeds/views.js';
import { RequestError } from '@mcld/platform/grpc/errors.js';
import { differenceOf, isConstant, isSame, squashing } from './computers/answers.js';
import { type Computer, singleComputers } from './computers/computer.js';
import { ForeignModelError } from './computers/image-input.js';
import type { RowSource } from './rows/row-source.js';

/** What a user may mean although it is refused otherwise. */
const acceptable = ['probabilities', 'random'] as const;

type Acceptable = (typeof acceptable)[number];

/** Something about a model's answers that a student should not learn from, unless the recipe accepts it. */
interface Finding {
  readonly accept: Acceptable;
  readonly message: string;
}

/**
 * Tries whether a teacher can teach these views, before a run relies on it: the size of its images, whether a model
 * elsewhere is still the one that it was, what its answers to real images are, and whether stored rows are its answers.
 * @throws RequestError, ForeignModelError, EndpointAwayError: what was found, and what would be right
 */
export async function checkTeacher(source: RowSource, mixed: boolean, accept: readonly string[]): Promise<void> {
  const unknown = accept.find((name) => !acceptable.some((known) => known === name));
  if (unknown !== undefined) throw new RequestError(`accept '${unknown}': expected ${acceptable.join(' or ')}`);
  const computers = singleComputers(source.teacher.computer);
  for (const computer of computers) assertSides(computer, source.described);
  for (const computer of computers) await computer.assertUnchanged?.();
  for (const computer of computers) {
    const finding = (await findings(computer, source)).find((fault) => !accept.includes(fault.accept));
    if (finding) throw new ForeignModelError(finding.message);
  }
  const isElsewhere = computers.some(({ assertUnchanged }) => assertUnchanged !== undefined);
  if (isElsewhere && !mixed && !accept.includes('random')) await assertStoredRows(source);
}

function assertSides({ model, sides }: Computer, { height, width }: DescribeDatasetResponse): void {
  const [wantedHeight, wantedWidth] = [sides.height ?? height, sides.width ?? width];
  if (wantedHeight === height && wantedWidth === width) return;
  const advice = wantedHeight === wantedWidth ? `; set dataset.size: ${wantedWidth}` : '';
  throw new RequestError(
    `dataset.size: images are ${width}×${height}, but the teacher (${model}) takes ${wantedWidth}×${wantedHeight}${advice}`,
  );
}

/** For models that their digest covers whole: a result stays true. */
const remembered = new WeakMap<Computer, Promise<readonly Finding[]>>();

function findings(computer: Computer, source: RowSource): Promise<readonly Finding[]> {
  if (!computer.isForeign) return Promise.resolve([]);
  if (computer.assertUnchanged) return tried(computer, source);
  const check = remembered.get(computer) ?? tried(computer, source);
  remembered.set(computer, check);
  check.catch(() => remembered.delete(computer));
  return check;
}

/** Two batches of the data set's images that have a part in common, in other places and in other company. */
async function tried(computer: Computer, source: RowSource): Promise<Finding[]> {
  const { batch } = source;
  const { count } = source.described;
  const total = Math.min(count, batch + (Math.floor(batch / 2) | 1));
  const size = Math.min(batch, Math.ceil((total * 2) / 3));
  // Spread over the data set, whose images may lie class by class; every image has a view 0.
  const views: ViewAddress[] = Array.from({ length: total }, (_, i) => ({
    index: Math.floor((i * count) / total),
    code: 0,
  }));
  const images: Uint8Array[] = [];
  const answers = async (from: number): Promise<Float32Array[]> => {
    const asked = views.slice(from, from + size);
    const pixels = await source.fetch(asked);
    // A computer may take them away.
    images.push(...imagesOf(pixels.slice(), size));
    return [...(await source.answers(pixels, (row) => `image ${asked[row]?.index}`, computer))];
  };
  const shift = total - size;
  const [first, second] = [await answers(0), await answers(shift)];
  assertVaried(computer, images, [...first, ...second]);
  const faults = [squashed(computer, [...first, ...second])];
  const apart = differenceOf(paired(first.slice(shift), second));
  if (!isSame(apart)) {
    const again = differenceOf(paired(first, await answers(0)));
    faults.push(isSame(again) ? dependsOnCompany(computer, apart.largest) : differs(computer, again.largest));
  }
  return faults.filter((finding) => finding !== undefined);
}

const imagesOf = (pixels: Uint8Array, count: number): Uint8Array[] => {
  const bytes = pixels.length / count;
  return Array.from({ length: count }, (_, i) => pixels.subarray(i * bytes, (i + 1) * bytes));
};

/** @throws ForeignModelError: a teacher without information is never intended */
function assertVaried({ model }: Computer, images: readonly Uint8Array[], rows: readonly Float32Array[]): void {
  if (!isConstant(images, rows)) return;
  throw new ForeignModelError(
    `the teacher (${model}) gives the same answer to every image of ${rows.length} that it was asked about: a student can learn nothing from it; were its weights loaded before it was exported, and does it take images as they are sent?`,
  );
}

const paired = (first: readonly Float32Array[], second: readonly Float32Array[]) =>
  first.flatMap((row, i) => {
    const other = second[i];
    return other ? [[row, other] as const] : [];
  });

function squashed({ model }: Computer, rows: readonly Float32Array[]): Finding | undefined {
  const how = squashing(rows);
  if (!how) return undefined;
  const what = how === 'softmax' ? 'each row sums to 1, as after a Softmax' : 'all lie in 0…1, as after a Sigmoid';
  const message = `the teacher (${model}) answers with probabilities: ${what}; logits are needed: export it without that last layer, or say teacher.accept: [probabilities] to use them as they are`;
  return { accept: 'probabilities', message };
}

const rounded = (value: number): string => String(Number(value.toPrecision(3)));

function differs({ model }: Computer, by: number): Finding {
  const message = `the teacher (${model}) answers differently each time it is asked about the same images, by up to ${rounded(by)}: was it exported in training mode, with its dropout? Export it after model.eval(), or say teacher.accept: [random]: then the first answer to each view is stored and stays`;
  return { accept: 'random', message };
}

function dependsOnCompany({ model }: Computer, by: number): Finding {
  const message = `the teacher (${model}) answers to an image by the other images of its batch, by up to ${rounded(by)}: was it exported in training mode, with its batch norms? Export it after model.eval(), or say teacher.accept: [random]: then the first answer to each view is stored and stays`;
  return { accept: 'random', message };
}

/** A sample of what is stored, beside the answers of now. */
async function assertStoredRows(source: RowSource): Promise<void> {
  const { store, teacher, batch } = source;
  await store.refresh();
  const pairs = await source.besideStored(store.sample(batch));
  const apart = differenceOf(pairs, store.codec.kept);
  if (isSame(apart)) return;
  throw new ForeignModelError(
    `the teacher (${teacher.computer.model}) has changed: its answers to ${pairs.length} stored views differ from the stored ones by up to ${rounded(apart.largest)}; 'mcld cache gc --teacher ${teacher.digest.slice(0, 12)}' removes what the old one answered, or serve the new one under a version or name of its own`,
  );
}
