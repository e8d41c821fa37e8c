/** From one value to another along half a cosine. @param share of the way, 0…1 */
export function halfCosine(from: number, to: number, share: number): number {
  return to + ((from - to) / 2) * (1 + Math.cos(Math.PI * share));
}
