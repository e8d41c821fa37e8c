import type { Draws } from '@mcld/random/draws.js';
import type { ColorJitter } from './augmentation.js';
import { adjustBrightness, adjustContrast, adjustHue, adjustSaturation } from './color-changes.js';

/** torchvision's ColorJitter: its four changes in random order, each by a random factor. */
export function jitterColors(image: Uint8Array, strengths: ColorJitter, draws: Draws): void {
  const { brightness, contrast, saturation, hue } = strengths;
  const factor = (strength: number) => draws.uniform(Math.max(0, 1 - strength), 1 + strength);
  const changes: [number, () => void][] = [
    [brightness, () => adjustBrightness(image, factor(brightness))],
    [contrast, () => adjustContrast(image, factor(contrast))],
    [saturation, () => adjustSaturation(image, factor(saturation))],
    [hue, () => adjustHue(image, draws.uniform(-hue, hue))],
  ];
  for (let left = changes.length; left > 0; left--) {
    for (const [strength, change] of changes.splice(draws.below(left), 1)) if (strength > 0) change();
  }
}
