import { TiffDirectory } from './tiff-directory.js';

/** Compressions that are read: none, CCITT's, LZW, JPEG, deflate (of two numbers) and PackBits. */
const compressions: ReadonlySet<number> = new Set([1, 2, 3, 4, 5, 7, 8, 32773, 32946]);
const compressionNames: Readonly<Record<number, string>> = {
  6: 'old-style JPEG',
  33003: 'JPEG 2000',
  33005: 'JPEG 2000',
  34712: 'JPEG 2000',
  34887: 'LERC',
  34925: 'LZMA',
  50000: 'Zstandard',
  50001: 'WebP',
  50002: 'JPEG XL',
};

/** Colours that are read: white or black is zero, RGB, palette, CMYK, YCbCr. */
const photometrics: ReadonlySet<number> = new Set([0, 1, 2, 3, 5, 6]);
const photometricNames: Readonly<Record<number, string>> = {
  8: 'CIELab',
  9: 'ICCLab',
  32803: 'a colour filter array',
  34892: 'raw camera data',
};

/** Bits of a sample that are read. */
const depths: ReadonlySet<number> = new Set([1, 2, 4, 8, 16, 32]);

const JPEG = 7;
const SIGNED = 2;
const FLOAT = 3;

/**
 * A TIFF can hold anything. What libvips reads in another way than Pillow, or not at all, is refused by what it is.
 * @throws Error
 */
export function assertReadableTiff(bytes: Uint8Array): void {
  const fault = faultOf(bytes);
  if (fault) throw new Error(`it is a TIFF ${fault}, which is not read; save it as 8-bit RGB`);
}

function faultOf(bytes: Uint8Array): string | undefined {
  const directory = TiffDirectory.of(bytes);
  const first = (tag: number) => directory?.integer(tag);
  const bits = first(258) ?? 1;
  const compression = first(259) ?? 1;
  const photometric = first(262) ?? 0;
  const isPlanar = first(284) === 2;
  const isTiled = first(322) !== undefined;
  const extra = first(338);
  const format = first(339) ?? 1;
  const isRaw = first(50706) !== undefined;
  if (isRaw) return 'of raw camera data (DNG)';
  if (!compressions.has(compression))
    return `compressed with ${compressionNames[compression] ?? `scheme ${compression}`}`;
  if (!photometrics.has(photometric)) return `of ${photometricNames[photometric] ?? `photometric ${photometric}`}`;
  if (!depths.has(bits)) return `of ${bits} bits a sample`;
  if (photometric === 6 && compression !== JPEG) return 'of YCbCr without JPEG compression';
  if (isPlanar && isTiled) return 'in tiles of separate colours';
  if (compression === JPEG && isTiled && hasLongTiles(directory))
    return 'in JPEG tiles of more than twice the bytes of their pixels';
  if (bits === 8 && format === SIGNED) return 'of bytes with a sign';
  if (bits !== 32 && format === FLOAT) return `of ${bits}-bit floating-point numbers`;
  if (bits > 8 && photometric === 0) return `of ${bits} bits where zero is white`;
  if (bits > 8 && photometric === 1 && extra !== undefined) return `of ${bits}-bit grey with more channels`;
  if (bits > 8 && extra === 1) return `of ${bits} bits with alpha multiplied into the colours`;
  return undefined;
}

/** Of a compressed tile libvips reads no more than this, and makes up the pixels behind it without a word. */
function hasLongTiles(directory: TiffDirectory | undefined): boolean {
  const [width = 0, height = 0, channels = 1] = [322, 323, 277].map((tag) => directory?.integer(tag));
  return (directory?.largest(325) ?? 0) > 2 * width * height * channels;
}
