import type { DescribeDatasetResponse } from '@mcld/contracts/mcld/v1/data_loader.js';
import { misfit } from './refusal.js';

/** Characters of a class's name that a message quotes. */
const QUOTED = 60;

/**
 * @param at the data set's place in the recipe
 * @throws RefusedError where a student of one split cannot be measured on the other
 */
export function assertSplitsFit(at: string, train: DescribeDatasetResponse, test: DescribeDatasetResponse): void {
  if (train.classes !== test.classes) {
    throw misfit(`${at}.root`, `the test split has ${test.classes} classes, the training split ${train.classes}`);
  }
  const other = train.classNames.findIndex((name, label) => name !== test.classNames[label]);
  if (other >= 0) {
    const [found, wanted] = [test, train].map(({ classNames }) => `'${classNames[other]?.slice(0, QUOTED)}'`);
    throw misfit(`${at}.root`, `class ${other} is ${found} in the test split, ${wanted} in the training split`);
  }
  if (train.height !== test.height || train.width !== test.width) {
    const [found, wanted] = [test, train].map(({ height, width }) => `${width}×${height}`);
    throw misfit(`${at}.size`, `test images are ${found}, training images ${wanted}; a size makes them equal`);
  }
}
