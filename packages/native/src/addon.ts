import { createRequire } from 'node:module';
import { McldError } from '@mcld/errors/mcld-error.js';
import { messageOf } from '@mcld/errors/text.js';

/** The functions of native/addon.cc, which trusts its arguments: only the files of this folder call it. */
interface Addon {
  resample(pixels: Uint8Array, rowBytes: number, target: Int32Array, out: Uint8Array): void;
  shiftImages(pixels: Uint8Array, height: number, width: number, views: Int32Array, out: Uint8Array): void;
  turn(pixels: Uint8Array, height: number, width: number, orientation: number, out: Uint8Array): void;
  cmykToRgb(inks: Uint8Array, out: Uint8Array): void;
  jpegHeader(bytes: Uint8Array, out: Int32Array): string | undefined;
  drawJpeg(bytes: Uint8Array, orientation: number, target: Int32Array, out: Uint8Array): Promise<void>;
  avifHeader(bytes: Uint8Array, out: Int32Array): string | [exif: Uint8Array, xmp: Uint8Array];
  decodeAvif(bytes: Uint8Array, out: Uint8Array): Promise<void>;
  mapFile(file: string): ArrayBuffer;
  lockFile(fd: number): boolean;
  addressOf(array: Int32Array): number;
  readRows(
    addresses: Float64Array,
    words: number,
    index: Uint32Array,
    code: Uint32Array,
    out: Int32Array,
    right: Uint8Array,
  ): void;
}

/** Thrown where this project was not set up, or not for this user: nothing is wrong with what was to be worked on. */
export class AddonError extends McldError {
  static override readonly meaning = { status: 'FAILED_PRECONDITION', reason: 'NO_ADDON', retryable: false } as const;
}

let loaded: Addon | undefined;

/**
 * Loads it when first asked for: to load it sets how the whole process keeps its memory; see memory.ts.
 * @throws AddonError
 */
export function addon(): Addon {
  loaded ??= load();
  return loaded;
}

function load(): Addon {
  try {
    return createRequire(import.meta.url)('../build/native.node');
  } catch (error) {
    throw new AddonError(`the native addon cannot be loaded: ${messageOf(error)}; 'npm run build' makes it`, {
      cause: error,
    });
  }
}
