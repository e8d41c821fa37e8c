import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { isImageName } from '../readers/image-names.js';
import { openPicture, type Picture } from './picture.js';

const folder = new URL('../../fixtures/pictures/', import.meta.url);
const fixture = (name: string): Buffer => readFileSync(new URL(name, folder));
type Expected = readonly [width: number, height: number, sha256: string];
const expected = JSON.parse(fixture('expected.json').toString()) as Record<string, Expected>;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function draw(picture: Picture, box: readonly [number, number, number, number]): Promise<Uint8Array> {
  const [x, y, width, height] = box;
  const out = new Uint8Array(width * height * 3);
  await picture.draw({ box: { x, y, width, height }, width, height, mirrored: false, out, at: 0 });
  return out;
}

const whole = (picture: Picture) => draw(picture, [0, 0, picture.width, picture.height]);

async function pixels(name: string): Promise<Uint8Array> {
  return whole(await openPicture(fixture(name), name));
}

async function refusal(bytes: Uint8Array): Promise<string> {
  const error = await openPicture(bytes, 'x.jpg')
    .then(whole)
    .catch((error: Error) => error);
  if (!(error instanceof Error)) throw new Error('it was not refused');
  return `${error.name}: ${error.message}`;
}

describe('a picture', () => {
  const names = readdirSync(folder).filter((name) => name !== 'expected.json');

  it.each(names)('%s has the pixels of Pillow, bit for bit', async (name) => {
    const picture = await openPicture(fixture(name), name);
    expect([picture.width, picture.height, sha256(await whole(picture))]).toEqual(expected[name]);
  });

  it('is the same in every lossless format, whatever profile lies beside it', async () => {
    const original = await pixels('p6.ppm');
    for (const name of [
      'rgb.png',
      'interlaced.png',
      'lossless.webp',
      'rgb.tif',
      'tiff_lzw.tif',
      'colours24.bmp',
      'os2.bmp',
    ])
      expect(await pixels(name), name).toEqual(original);
  });

  it('is the same JPEG upright, turned by EXIF and by XMP', async () => {
    const upright = await pixels('upright.jpg');
    const at = (bytes: Uint8Array, pixel: number) => [...bytes.subarray(pixel * 3, pixel * 3 + 3)];
    const [width, height] = [21, 13];
    for (const name of ['exif6.jpg', 'xmp6.jpg']) {
      const turned = await pixels(name);
      for (let y = 0; y < width; y++)
        for (let x = 0; x < height; x++)
          expect(at(turned, y * height + x)).toEqual(at(upright, (height - 1 - x) * width + y));
    }
  });

  it.each<readonly [turned: boolean, names: string]>([
    [true, 'double.png rational float double directory several several.tif swapped-version swapped-version-little'],
    [true, 'behind-large first-unknown lost-xmp8'],
    [false, 'byte byte.tif byte.webp undefined text rational-of-0 fraction unknown'],
    [false, 'behind-lost garbage-xmp6 garbage-xmp6.webp without-head leads-out of-0'],
  ])('whose EXIF is odd is turned: %s (%s)', async (turned, kinds) => {
    for (const kind of kinds.split(' ')) {
      const name = kind.includes('.') ? `exif-${kind}` : `exif-${kind}.jpg`;
      const { width, height } = await openPicture(fixture(name), name);
      expect([name, width, height]).toEqual(turned ? [name, 13, 21] : [name, 21, 13]);
    }
  });

  it.each([...Array.from({ length: 8 }, (_, i) => `exif${i + 1}.jpg`), 'cmyk-turned.jpg', 'halved.jpg', 'ycck.jpg'])(
    'that is a JPEG (%s) gives boxes that are cut out of the whole',
    async (name) => {
      const picture = await openPicture(fixture(name), name);
      const all = await whole(picture);
      const { width, height } = picture;
      for (const [x, y, w, h] of [
        [0, 0, 1, 1],
        [width - 1, height - 1, 1, 1],
        [3, 5, width - 3, 4],
        [1, 0, 7, height],
        [4, 2, 6, 9],
      ] as const) {
        const box = await draw(picture, [x, y, w, h]);
        for (let row = 0; row < h; row++) {
          const start = ((y + row) * width + x) * 3;
          expect(box.subarray(row * w * 3, (row + 1) * w * 3)).toEqual(all.subarray(start, start + w * 3));
        }
      }
    },
  );

  it('is told by its bytes, not by its name', async () => {
    const picture = await openPicture(fixture('rgb.png'), 'photo.jpg');
    expect(sha256(await whole(picture))).toBe(expected['rgb.png']![2]);
  });

  it('is found damaged wherever its pixels are cut off', async () => {
    const cut = (name: string) => fixture(name).subarray(0, Math.floor(fixture(name).length * 0.8));
    const kinds = ['exif6.jpg', 'cmyk.jpg', 'rgb.png', 'lossless.webp', 'palette.gif', 'rgb.tif', 'colours24.bmp'];
    for (const name of [...kinds, 'palette8.bmp', 'runs8.bmp', 'runs4.bmp', 'p3.ppm', 'p4.pbm', 'p6.ppm'])
      expect(await refusal(cut(name)), name).toMatch(/^DatasetError: x\.jpg is not an image that can be decoded: /);
    expect(await refusal(cut('colours24.bmp'))).toContain('it is truncated: 654 of 831 bytes of pixels');
    expect(await refusal(cut('runs8.bmp'))).toMatch(/it is truncated: \d+ of 273 pixels/);
    expect(await refusal(cut('p6.ppm'))).toContain('it is truncated: 652 of 819 bytes of pixels');
    expect(await refusal(cut('p3.ppm'))).toContain('it ends before a pixel');
  });
});

type Tags = Readonly<Record<number, number | readonly number[]>>;

/** A TIFF of one directory and nothing but lists behind it: tag → value or values. */
function tiff(tags: Tags): Buffer {
  const head = Buffer.alloc(8 + 2 + Object.keys(tags).length * 12 + 4);
  const lists: Buffer[] = [];
  head.write('II*\0\x08', 'latin1');
  head.writeUInt16LE(Object.keys(tags).length, 8);
  Object.entries(tags).forEach(([tag, value], i) => {
    const values = typeof value === 'number' ? [value] : value;
    head.writeUInt16LE(Number(tag), 10 + i * 12);
    head.writeUInt16LE(4, 12 + i * 12);
    head.writeUInt32LE(values.length, 14 + i * 12);
    head.writeUInt32LE(values.length === 1 ? values[0]! : head.length + Buffer.concat(lists).length, 18 + i * 12);
    if (values.length > 1) lists.push(Buffer.from(Uint32Array.from(values).buffer));
  });
  return Buffer.concat([head, ...lists]);
}

/** As tools write it: JPEGs of 16×16 pixels, whose sizes are a list. */
const tiles = (photometric: number, channels: number, sizes: number | readonly number[]): Tags => ({
  256: 64,
  257: 64,
  258: 8,
  259: 7,
  262: photometric,
  277: channels,
  322: 16,
  323: 16,
  325: sizes,
});
const longTiles = 'in JPEG tiles of more than twice the bytes of their pixels';

const iso = (...brands: string[]) =>
  Buffer.from(
    `\0\0\0${String.fromCharCode(12 + 4 * brands.length)}ftyp${brands[0]}\0\0\0\0${brands.slice(1).join('')}`,
  );

describe('what is not a picture of a data set is refused as what it is', () => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>';
  const drawing = 'it is an SVG drawing: it has no pixels of its own';
  const page = 'it is an HTML page, as a web server answers where an image is missing';
  const convert = 'convert it to JPEG or PNG';

  it.each<readonly [what: string, bytes: Uint8Array | string, message: string]>([
    ['nothing', '', 'it is empty'],
    ['zeros', new Uint8Array(600), 'it is 600 zero bytes, as an interrupted copy leaves them'],
    ['white space', ' \n\n', 'it is nothing but white space'],
    ['an SVG', svg, drawing],
    ['an SVG in XML', `<?xml version="1.0"?>\n<!-- Generator: a tool -->\n${svg}`, drawing],
    [
      'an SVG with a document type',
      '<?xml version="1.0"?>\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x">',
      drawing,
    ],
    ['an SVG in UTF-16', Buffer.from(`\ufeff${svg}`, 'utf16le'), drawing],
    ['an HTML page', '\n<!DOCTYPE html>\n<html><body>404</body></html>', page],
    ['an HTML page behind a comment', '<!-- <svg> --><html lang="en"><svg/></html>', page],
    [
      'an error in XML',
      '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
      'it is an XML document, as a web',
    ],
    ['JSON', '{"error": "not found"}', `it is text that begins '{"error": "not found"}'`],
    [
      'a pointer of Git LFS',
      'version https://git-lfs.github.com/spec/v1\noid sha256:0',
      "it is a pointer of Git LFS; 'git lfs pull' fetches the image",
    ],
    ['a PDF', '%PDF-1.7\n', 'it is a PDF document'],
    ['PostScript', '%!PS-Adobe-3.0 EPSF-3.0', 'it is a PostScript drawing'],
    ['Photoshop', '8BPS\0\x01', `it is a Photoshop document; ${convert}`],
    ['HEIC', iso('heic', 'mif1', 'heic'), `it is a HEIC image, as phones take them, which is not read; ${convert}`],
    ['HEIC of a camera', iso('mif1', 'heix'), `it is a HEIC image, as phones take them, which is not read; ${convert}`],
    ['a video', iso('isom', 'mp41'), "it is a video or sound (of the brand 'isom')"],
    ['a raw photograph', iso('crx ', 'isom'), `it is a raw photograph; ${convert}`],
    ['a raw photograph (CR2)', Buffer.from('II*\0\x10\0\0\0CR\x02\0'), `it is a raw photograph; ${convert}`],
    ['JPEG 2000', Buffer.from('0000000c6a5020200d0a870a', 'hex'), `it is a JPEG 2000 image; ${convert}`],
    ['a ZIP', 'PK\x03\x04', 'it is a ZIP archive; unpack it'],
    ['notes of macOS', Buffer.from('0005160700020000', 'hex'), "it is macOS's notes about another file (AppleDouble)"],
    ['what nobody knows', Buffer.of(0, 1, 2, 3, 0xfe), 'it is of no known format; its first bytes are 00010203fe'],
    ['text that begins as a bitmap does', 'BMW, a car', "it is text that begins 'BMW, a car'"],
  ])('%s', async (_, bytes, message) => {
    const told = await refusal(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    expect(told).toContain(`DatasetError: x.jpg is not an image that can be decoded: ${message}`);
  });

  it.each<readonly [tags: Tags, what: string]>([
    [{ 258: 8, 259: 34925, 262: 2 }, 'compressed with LZMA'],
    [{ 258: 8, 259: 50000, 262: 2 }, 'compressed with Zstandard'],
    [{ 258: 8, 259: 12345, 262: 2 }, 'compressed with scheme 12345'],
    [{ 258: 8, 259: 1, 262: 8 }, 'of CIELab'],
    [{ 258: 8, 259: 5, 262: 6 }, 'of YCbCr without JPEG compression'],
    [{ 258: 12, 259: 1, 262: 1 }, 'of 12 bits a sample'],
    [{ 258: 8, 259: 1, 262: 2, 284: 2, 322: 16 }, 'in tiles of separate colours'],
    [{ 258: 8, 259: 1, 262: 1, 339: 2 }, 'of bytes with a sign'],
    [{ 258: 16, 259: 1, 262: 1, 339: 3 }, 'of 16-bit floating-point numbers'],
    [{ 258: 16, 259: 1, 262: 0 }, 'of 16 bits where zero is white'],
    [{ 258: 16, 259: 1, 262: 1, 338: 2 }, 'of 16-bit grey with more channels'],
    [{ 258: 16, 259: 1, 262: 2, 338: 1 }, 'of 16 bits with alpha multiplied into the colours'],
    [{ 258: 8, 259: 7, 262: 6, 50706: 1 }, 'of raw camera data (DNG)'],
    [tiles(1, 1, 513), longTiles],
    [tiles(0, 1, [...Array.from({ length: 39 }, () => 300), 513]), longTiles],
    [tiles(6, 3, [1000, 1537]), longTiles],
  ])('a TIFF of tags %o', async (tags, what) => {
    const told = `it is a TIFF ${what}, which is not read; save it as 8-bit RGB`;
    expect(await refusal(tiff(tags))).toBe(`DatasetError: x.jpg is not an image that can be decoded: ${told}`);
  });

  it('but not a TIFF whose JPEG tiles are short enough', async () => {
    for (const tags of [tiles(1, 1, [512, 300]), tiles(2, 3, 1536), { ...tiles(1, 1, 513), 259: 1 }])
      expect(await refusal(tiff(tags))).not.toContain(longTiles);
  });

  it('what libvips says nothing of', async () => {
    const png = fixture('palette.png');
    const [palette, pixels] = ['PLTE', 'IDAT'].map((chunk) => png.indexOf(chunk) - 4) as [number, number];
    const withoutPalette = Buffer.concat([png.subarray(0, palette), png.subarray(pixels)]);
    expect(await refusal(withoutPalette)).toMatch(/: its header is damaged$/);
    expect(await refusal(fixture('rgb.tif').subarray(0, 40))).toMatch(/: its header is damaged$/);
    const wrongSum = fixture('rgb.png');
    wrongSum[29]! ^= 1;
    expect(await refusal(wrongSum)).toMatch(/: its header or its pixels are damaged$/);
    const crushed = Buffer.concat([png.subarray(0, 8), Buffer.from('\0\0\0\x04CgBI\x50\0\x20\x02', 'latin1')]);
    expect(await refusal(crushed)).toContain(
      "it is a PNG of Apple's own kind (CgBI), as Xcode packs it into apps, which is not read; convert it to JPEG or PNG",
    );
  });

  it('a BMP or a PPM that leads nowhere', async () => {
    const changed = (name: string, at: number, value: number) => {
      const bytes = fixture(name);
      bytes.writeUInt32LE(value, at);
      return bytes;
    };
    expect(await refusal(changed('colours24.bmp', 14, 41))).toContain(
      'its BMP header of 41 bytes is unknown or cut off',
    );
    expect(await refusal(changed('colours24.bmp', 30, 4))).toContain('a BMP of 24 bits a pixel and compression 4');
    expect(await refusal(changed('colours24.bmp', 18, 1 << 30))).toContain(
      'it is 1073741824×13; at most 67108864 pixels',
    );
    expect(await refusal(Buffer.from('P6 0 4 255 '))).toContain('it is 0×4, which leaves no pixels');
    expect(await refusal(Buffer.from('P6 9999999 9999999 255 '))).toContain('it is 9999999×9999999; at most');
    expect(await refusal(Buffer.from('P5 2 2 70000 '))).toContain('its largest value is 70000, expected 1 to 65535');
    expect(await refusal(Buffer.from('P2 2 1 9 4 12'))).toContain('a pixel is 12, expected 0 to 9');
    expect(await refusal(Buffer.from('P2 2 x'))).toContain('its height is not a number');
  });

  it('a JPEG of two channels', async () => {
    const jpeg = await sharp(fixture('rgb.png')).jpeg().toBuffer();
    const frame = jpeg.indexOf(Buffer.of(0xff, 0xc0));
    jpeg.writeUInt16BE(14, frame + 2);
    jpeg[frame + 9] = 2;
    const scan = jpeg.indexOf(Buffer.of(0xff, 0xda));
    jpeg.writeUInt16BE(10, scan + 2);
    jpeg[scan + 4] = 2;
    expect(await refusal(jpeg)).toContain('a JPEG of 2 channels; only 1, 3 and 4 are read');
  });
});

it('names of images end as people and tools write them', () => {
  const read = 'a.JPG a.jpeg a.jpe a.jfif a.png a.apng a.webp a.tif a.TIFF a.bmp a.gif a.avif a.pbm a.pgm a.ppm a.pnm';
  expect(read.split(' ').filter((name) => !isImageName(name))).toEqual([]);
  const passed = 'a.heic a.svg a.pdf a.jpg.txt a.txt jpg a.psd a.raw a.mp4 a.jp2 a.json';
  expect(passed.split(' ').filter(isImageName)).toEqual([]);
});
