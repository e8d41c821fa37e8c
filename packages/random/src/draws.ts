import { below, Purpose, philox } from './philox.js';

/** The order of `n` items in an epoch: a Fisher–Yates shuffle whose draws are addressed by place. */
export function permutation(n: number, seed: number, epoch: number): Uint32Array {
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  const block = new Uint32Array(4);
  for (let i = n - 1; i > 0; i--) {
    if ((i & 3) === 3 || i === n - 1) philox(block, i >>> 2, epoch, 0, Purpose.permutation, seed, 0);
    const j = below(block[i & 3] ?? 0, i + 1);
    const moved = order[i] ?? 0;
    order[i] = order[j] ?? 0;
    order[j] = moved;
  }
  return order;
}

/** One of `choices` views for an image in an epoch, uniform. */
export function viewCode(image: number, choices: number, seed: number, epoch: number): number {
  const block = new Uint32Array(4);
  philox(block, image, epoch, 0, Purpose.view, seed, 0);
  return below(block[0] ?? 0, choices);
}

/** Draws for one thing, one after another; equal addresses give equal draws. */
export class Draws {
  readonly #block = new Uint32Array(4);
  #drawn = 0;

  /** @param place and `part` address the thing, an image and its view's number, say */
  constructor(
    readonly purpose: (typeof Purpose)[keyof typeof Purpose],
    readonly seed: number,
    readonly place: number,
    readonly part: number,
  ) {}

  #word(): number {
    const at = this.#drawn++;
    if ((at & 3) === 0) philox(this.#block, this.place, this.part, at >>> 2, this.purpose, this.seed, 0);
    return this.#block[at & 3] ?? 0;
  }

  /** An integer of 0…n−1. */
  below(n: number): number {
    return below(this.#word(), n);
  }

  /** A double of [least, most). */
  uniform(least: number, most: number): number {
    return least + (most - least) * (this.#word() / 0x1_0000_0000);
  }
}

/**
 * `n` normal deviates, float32, mean 0 and the given standard deviation, by Box–Muller on doubles.
 * @param stream tells apart arrays drawn under one seed, a parameter's place, say
 */
export function normals(
  n: number,
  std: number,
  seed: number,
  stream: number,
  purpose: (typeof Purpose)[keyof typeof Purpose] = Purpose.weights,
): Float32Array {
  const values = new Float32Array(n);
  const block = new Uint32Array(4);
  for (let i = 0; i < n; i += 2) {
    if ((i & 3) === 0) philox(block, i >>> 2, stream, 0, purpose, seed, 0);
    const u1 = ((block[i & 3] ?? 0) + 1) / 0x1_0000_0000;
    const u2 = (block[(i & 3) + 1] ?? 0) / 0x1_0000_0000;
    const radius = std * Math.sqrt(-2 * Math.log(u1));
    values[i] = radius * Math.cos(2 * Math.PI * u2);
    if (i + 1 < n) values[i + 1] = radius * Math.sin(2 * Math.PI * u2);
  }
  return values;
}
