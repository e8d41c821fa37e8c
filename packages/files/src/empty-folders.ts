import { rmdirSync } from 'node:fs';
import path from 'node:path';
import { codeOf } from '@mcld/errors/code.js';

/** Removes a folder where it is empty, then those above it that became so, up to `root`, which stays. */
export function removeEmptyFolders(folder: string, root: string): void {
  for (let at = path.resolve(folder); at.startsWith(`${path.resolve(root)}${path.sep}`); at = path.dirname(at)) {
    try {
      rmdirSync(at);
    } catch (error) {
      // Something is in it, or it may not be removed: an empty folder does no harm. Another may have been faster.
      if (codeOf(error) !== 'ENOENT') return;
    }
  }
}
