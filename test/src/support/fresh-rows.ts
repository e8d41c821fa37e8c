import { normals } from '@mcld/random/draws.js';

export const STORE_ADDRESS = { teacher: 'e'.repeat(64), data: 'f'.repeat(64), images: 2000 };

/** The logits of a view, computed afresh: a function of its address alone. */
export const freshRow = (index: number, code: number): Float32Array => normals(101, 5, index, code);
