import { addon } from './addon.js';

/**
 * A file's bytes as memory: pages are read when they are touched and given back when memory is short.
 * They must not be written to (that ends the process), and nobody may shorten the file meanwhile; the
 * mapping lives as long as a view of it.
 * @throws Error when the file is missing, empty or cannot be mapped
 */
export function mapFile(file: string): ArrayBuffer {
  return addon().mapFile(file);
}
