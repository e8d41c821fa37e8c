import sharp from 'sharp';

/** @param pixels uint8 [height, width, 3] */
export async function encodeExample(pixels: Uint8Array, height: number, width: number): Promise<string> {
  const png = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
  return `data:image/png;base64,${png.toString('base64')}`;
}
