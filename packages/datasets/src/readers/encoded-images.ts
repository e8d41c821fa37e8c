import { createHash } from 'node:crypto';
import { DECODING, openPicture, type Picture } from '../views/picture.js';
import type { Dataset, DatasetLocation, ImageSize } from './dataset.js';
import { DatasetError } from './dataset-error.js';
import { standInOf } from './files.js';
import { type Findings, inOrder, stampOf } from './fingerprint.js';
import { DAMAGED, type PassedOver, Tally, WITHOUT_IMAGES } from './passed-over.js';

/** Labels are stored in two bytes. */
const MAX_CLASSES = 1 << 16;

/** Classes that one error names. */
const NAMED = 5;

/** Encoded images (JPEG, PNG, …) wherever they lie; `T` is the address of one. */
export interface EncodedImages<T extends { readonly label: number }> {
  /** Name of the reader: part of the fingerprint. */
  readonly kind: string;
  readonly items: readonly T[];
  readonly classNames: readonly string[];
  readonly labelled: boolean;
  /** What every image has to have; absent: they may differ. */
  readonly imageSize?: ImageSize;
  /** Files, relative to the root, whose size and time tell whether anything changed. */
  readonly files: readonly string[];
  /** What was passed over when they were listed. */
  readonly passedOver: Tally;
  /** Whether a class without an image is refused or only reported: a test split need not have all classes. */
  readonly needsEveryClass: boolean;
  /** For messages: where a class's images should be. */
  placeOf(label: number): string;
  /** For messages: what is there, in a class without images. */
  insteadOf(label: number): string;
  /** For messages: the file, and the place in it. */
  nameOf(item: T): string;
  /** @throws DatasetError */
  read(item: T): Promise<Uint8Array>;
}

/**
 * A data set of encoded images, which are decoded when asked for. At opening each is read once for the fingerprint
 * (and decoded once with `skipDamaged`, so that what is left out does not depend on what is asked for), unless
 * that is remembered.
 */
export async function openEncoded<T extends { readonly label: number }>(
  location: DatasetLocation,
  images: EncodedImages<T>,
): Promise<Dataset> {
  const { root, split, skipDamaged, memory } = location;
  const { kind, items, classNames, labelled, imageSize } = images;
  if (items.length === 0) throw new DatasetError('missing', `${root} has no images for ${kind}'s split ${split}`);
  if (classNames.length > MAX_CLASSES) {
    throw new DatasetError('damaged', `${root} has ${classNames.length} classes; at most ${MAX_CLASSES} are read`);
  }
  if (split === 'train' && classNames.length < 2) {
    throw new DatasetError('missing', `${root} has a single class, ${classNames[0]}; expected two or more`);
  }
  if (images.needsEveryClass) refuseEmpty('missing', root, images, items, (label) => images.insteadOf(label));
  const about = JSON.stringify([DECODING, kind, split, skipDamaged, classNames]);
  const stamp = await stampOf([about, ...items.map(({ label }) => label)], root, images.files);
  const findings = (await memory.recall(stamp)) ?? (await readAll(images, about, skipDamaged));
  await memory.keep(stamp, findings);
  const left = new Set(findings.damaged);
  const usable = left.size === 0 ? items : items.filter((_, row) => !left.has(row));
  if (usable.length === 0)
    throw new DatasetError('damaged', `none of the ${left.size} images of ${root} can be decoded`);
  if (images.needsEveryClass) refuseEmpty('damaged', root, images, usable, () => 'none of its images can be decoded');
  return {
    count: usable.length,
    classNames,
    imageSize,
    labels: labelled ? Uint16Array.from(usable, ({ label }) => label) : new Uint16Array(),
    fingerprint: findings.fingerprint,
    standIn: await standInOf(root),
    passedOver: notUsed(images, findings.damaged, usable),
    encoded: true,
    picture(row) {
      const item = usable[row];
      if (item === undefined) throw new RangeError(`image ${row} of ${usable.length}`);
      return openItem(images, item);
    },
  };
}

function notUsed<T extends { readonly label: number }>(
  images: EncodedImages<T>,
  damaged: readonly number[],
  usable: readonly T[],
): PassedOver[] {
  const passedOver = new Tally();
  passedOver.addAll(images.passedOver);
  const isDamaged = new Set(damaged);
  for (const [row, item] of images.items.entries()) {
    if (isDamaged.has(row)) passedOver.add(DAMAGED, images.nameOf(item));
  }
  const empty = images.labelled ? labelsWithout(images.classNames, usable) : [];
  for (const label of empty) passedOver.add(WITHOUT_IMAGES, images.placeOf(label));
  return passedOver.list();
}

function labelsWithout(classNames: readonly string[], items: readonly { readonly label: number }[]): number[] {
  const labels = new Set(items.map(({ label }) => label));
  return Array.from(classNames.keys()).filter((label) => !labels.has(label));
}

/** A class without images would be trained as if it were there. @throws DatasetError */
function refuseEmpty<T extends { readonly label: number }>(
  fault: DatasetError['fault'],
  root: string,
  { classNames, placeOf }: EncodedImages<T>,
  items: readonly T[],
  why: (label: number) => string,
): void {
  const empty = labelsWithout(classNames, items);
  if (empty.length === 0) return;
  const named = empty.slice(0, NAMED).map((label) => `${placeOf(label)} (${why(label)})`);
  if (empty.length > NAMED) named.push('…');
  const classes = empty.length === 1 ? 'a class' : `${empty.length} classes`;
  throw new DatasetError(fault, `${root} has ${classes} without a usable image: ${named.join(', ')}`);
}

async function openItem<T extends { readonly label: number }>(images: EncodedImages<T>, item: T): Promise<Picture> {
  const name = images.nameOf(item);
  const picture = await openPicture(await images.read(item), name);
  const expected = images.imageSize;
  if (!expected || (picture.height === expected.height && picture.width === expected.width)) return picture;
  throw new DatasetError(
    'damaged',
    `${name} is ${picture.width}×${picture.height}, expected ${expected.width}×${expected.height}`,
  );
}

async function readAll<T extends { readonly label: number }>(
  images: EncodedImages<T>,
  about: string,
  decode: boolean,
): Promise<Findings> {
  const hash = createHash('sha256').update(about);
  const damaged: number[] = [];
  const read = async (item: T, row: number) => {
    if (decode && !(await decodes(images, item))) damaged.push(row);
    const address = `${images.nameOf(item)}\0${item.label}\0`;
    return createHash('sha256')
      .update(address)
      .update(await images.read(item))
      .digest();
  };
  await inOrder(images.items, read, hash);
  damaged.sort((a, b) => a - b);
  return { fingerprint: hash.update(JSON.stringify(damaged)).digest('hex'), damaged };
}

/** Whether all of an image decodes. */
async function decodes<T extends { readonly label: number }>(images: EncodedImages<T>, item: T): Promise<boolean> {
  try {
    const picture = await openItem(images, item);
    const box = { x: 0, y: 0, width: picture.width, height: picture.height };
    await picture.draw({ box, height: 1, width: 1, mirrored: false, out: new Uint8Array(3), at: 0 });
    return true;
  } catch (error) {
    if (error instanceof DatasetError && error.fault === 'damaged') return false;
    throw error;
  }
}
