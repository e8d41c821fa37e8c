/** How far pixels are from those of a peer, in grey levels of 255. */
export class Differences {
  pictures = 0;
  values = 0;
  off = 0;
  worst = 0;
  /** The picture that is furthest off. */
  where = '';

  add(ours: Uint8Array, theirs: Uint8Array, where: string): void {
    if (ours.length !== theirs.length)
      throw new Error(`${where}: ${theirs.length} bytes from Python, ${ours.length} here`);
    this.pictures++;
    this.values += ours.length;
    for (let i = 0; i < ours.length; i++) {
      const difference = Math.abs((ours[i] as number) - (theirs[i] as number));
      if (difference > 0) this.off++;
      if (difference > this.worst) [this.worst, this.where] = [difference, where];
    }
  }
}
