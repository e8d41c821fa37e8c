import type { Box } from '@mcld/native/drawing.js';
import type { Dataset, ImageSize } from '../readers/dataset.js';
import type { Picture } from './picture.js';

/** How a whole image becomes one of the size that a model takes, without chance. */
export interface Framing {
  /** Side of the square result; 0 keeps the size that all images have. */
  readonly size: number;
  /** Side that the shorter side is resized to before the centre is cut out; 0 stretches to the square. */
  readonly resize: number;
}

/** Size and framing of a data set's images where a recipe says nothing: 224 out of 256. */
const VARYING: Framing = { size: 224, resize: 256 };

/** @throws RangeError when the centre would be larger than what it is cut out of */
export function framingOf({ imageSize }: Pick<Dataset, 'imageSize'>, requested: Framing): Framing {
  const framing = imageSize ? requested : varying(requested);
  if (framing.resize > 0 && framing.resize < framing.size) {
    throw new RangeError(`dataset.resize ${framing.resize}: expected 0 or at least dataset.size ${framing.size}`);
  }
  return framing;
}

/** Images of many shapes are not stretched: their shorter side is resized in ImageNet's proportion. */
function varying({ size, resize }: Framing): Framing {
  if (size === 0) return VARYING;
  return { size, resize: resize || Math.round((size * VARYING.resize) / VARYING.size) };
}

/** Size of the framed images. */
export function framedSize({ imageSize }: Pick<Dataset, 'imageSize'>, { size }: Framing): ImageSize {
  return size === 0 && imageSize ? imageSize : { height: size, width: size };
}

/** Draws the framed image, uint8 [height, width, 3] at `at`. */
export async function drawFramed(picture: Picture, framing: Framing, out: Uint8Array, at: number): Promise<void> {
  const { size, resize } = framing;
  const { height, width } = picture;
  const box: Box = { x: 0, y: 0, width, height };
  if (size === 0) return picture.draw({ box, height, width, mirrored: false, out, at });
  if (resize === 0) return picture.draw({ box, height: size, width: size, mirrored: false, out, at });
  // torchvision's Resize: the longer side is cut off to whole pixels.
  const tall = height >= width;
  const inner = tall
    ? { width: resize, height: Math.floor((resize * height) / width) }
    : { width: Math.floor((resize * width) / height), height: resize };
  const whole = new Uint8Array(inner.width * inner.height * 3);
  await picture.draw({ box, ...inner, mirrored: false, out: whole, at: 0 });
  cutCentre(whole, inner, size, out, at);
}

/** torchvision's CenterCrop, which rounds halves to even as Python does. */
function cutCentre(image: Uint8Array, { height, width }: ImageSize, size: number, out: Uint8Array, at: number): void {
  const top = halfToEven(height - size);
  const left = halfToEven(width - size);
  for (let y = 0; y < size; y++) {
    const from = ((top + y) * width + left) * 3;
    out.set(image.subarray(from, from + size * 3), at + y * size * 3);
  }
}

function halfToEven(n: number): number {
  const half = Math.floor(n / 2);
  return n % 2 === 1 && half % 2 === 1 ? half + 1 : half;
}
