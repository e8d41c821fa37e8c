import { addon } from './addon.js';

/**
 * Lets glibc keep the memory of blocks up to 32 MB that were given back, for this whole process, as native/addon.cc
 * does when it is loaded. For a process that makes batches, before it makes the first; one that computes is set by
 * packages/tensor.
 */
export function keepMemory(): void {
  addon();
}
