/**
 * Changes of colour of a uint8 [pixels, 3] image in place, with the formulas, roundings and names of
 * torchvision.transforms.functional on uint8 tensors.
 */

const byte = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : Math.floor(value));

const luma = (image: Uint8Array, at: number): number =>
  Math.floor(0.2989 * (image[at] ?? 0) + 0.587 * (image[at + 1] ?? 0) + 0.114 * (image[at + 2] ?? 0));

/** factor·image: 0 is black, 1 the image. */
export function adjustBrightness(image: Uint8Array, factor: number): void {
  mapValues(image, (value) => byte(factor * value));
}

/** Between the mean grey (0) and the image (1), and beyond. */
export function adjustContrast(image: Uint8Array, factor: number): void {
  let sum = 0;
  for (let at = 0; at < image.length; at += 3) sum += luma(image, at);
  const rest = (1 - factor) * (sum / (image.length / 3));
  mapValues(image, (value) => byte(factor * value + rest));
}

/** Between the grey image (0) and the image (1), and beyond. */
export function adjustSaturation(image: Uint8Array, factor: number): void {
  for (let at = 0; at < image.length; at += 3) {
    const rest = (1 - factor) * luma(image, at);
    for (let c = at; c < at + 3; c++) image[c] = byte(factor * (image[c] ?? 0) + rest);
  }
}

/** Turns the hue. @param turns −0.5 to 0.5 */
export function adjustHue(image: Uint8Array, turns: number): void {
  for (let at = 0; at < image.length; at += 3) {
    const [r, g, b] = [image[at] ?? 0, image[at + 1] ?? 0, image[at + 2] ?? 0];
    const most = Math.max(r, g, b);
    const spread = most - Math.min(r, g, b);
    if (spread === 0) continue;
    const [rc, gc, bc] = [(most - r) / spread, (most - g) / spread, (most - b) / spread];
    const sector = most === r ? bc - gc : most === g ? 2 + rc - bc : 4 + gc - rc;
    const hue = ((((sector / 6 + 1) % 1) + turns + 1) % 1) * 6;
    const [value, saturation] = [most / 255, spread / most];
    for (const [c, n] of [5, 3, 1].entries()) {
      const k = (n + hue) % 6;
      const level = value - value * saturation * Math.max(0, Math.min(k, 4 - k, 1));
      image[at + c] = byte(level * 255.999);
    }
  }
}

/** Between the blurred image (0) and the image (1), and beyond; the outermost pixels stay. */
export function adjustSharpness(image: Uint8Array, width: number, factor: number): void {
  const height = image.length / 3 / width;
  const source = Uint8Array.from(image);
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      for (let c = 0; c < 3; c++) {
        const at = (y * width + x) * 3 + c;
        let sum = 4 * (source[at] ?? 0);
        for (let dy = -1; dy <= 1; dy++)
          for (let dx = -1; dx <= 1; dx++) sum += source[at + (dy * width + dx) * 3] ?? 0;
        image[at] = byte(factor * (source[at] ?? 0) + (1 - factor) * Math.round(sum / 13));
      }
    }
  }
}

/** Keeps the upper `bits` of each value. */
export function posterize(image: Uint8Array, bits: number): void {
  const mask = (0xff << (8 - bits)) & 0xff;
  mapValues(image, (value) => value & mask);
}

/** Inverts the values from `threshold` on. */
export function solarize(image: Uint8Array, threshold: number): void {
  mapValues(image, (value) => (value >= threshold ? 255 - value : value));
}

/** Spreads each channel over 0…255. */
export function autoContrast(image: Uint8Array): void {
  eachChannel(image, (counts) => {
    const least = counts.findIndex((n) => n > 0);
    const most = counts.findLastIndex((n) => n > 0);
    const scale = 255 / (most - least);
    return Uint8Array.from({ length: 256 }, (_, v) => (most === least ? v : byte((v - least) * scale)));
  });
}

/** Equalises each channel's histogram. */
export function equalize(image: Uint8Array): void {
  eachChannel(image, (counts) => {
    const last = counts.findLast((n) => n > 0) ?? 0;
    const step = Math.floor((counts.reduce((a, b) => a + b) - last) / 255);
    if (step === 0) return Uint8Array.from({ length: 256 }, (_, v) => v);
    let below = 0;
    return Uint8Array.from(counts, (n) => {
      const value = Math.min(255, Math.floor((below + (step >> 1)) / step));
      below += n;
      return value;
    });
  });
}

function mapValues(image: Uint8Array, of: (value: number) => number): void {
  const table = Uint8Array.from({ length: 256 }, (_, value) => of(value));
  for (let i = 0; i < image.length; i++) image[i] = table[image[i] ?? 0] ?? 0;
}

function eachChannel(image: Uint8Array, tableOf: (counts: number[]) => Uint8Array): void {
  for (let c = 0; c < 3; c++) {
    const counts = new Array<number>(256).fill(0);
    for (let i = c; i < image.length; i += 3) {
      const value = image[i] ?? 0;
      counts[value] = (counts[value] ?? 0) + 1;
    }
    const table = tableOf(counts);
    for (let i = c; i < image.length; i += 3) image[i] = table[image[i] ?? 0] ?? 0;
  }
}
