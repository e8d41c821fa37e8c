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
    const [testName, trainName] = [test, train].map(({ classNames }) => `'${classNames[other]?.slice(0, QUOTED)}'`);
    throw misfit(`${at}.root`, `class ${other} is ${testName} in the test split, ${trainName} in the training split`);
  }
  if (train.height !== test.height || train.width !== test.width) {
    const [testSize, trainSize] = [test, train].map(({ height, width }) => `${width}×${height}`);
    throw misfit(`${at}.size`, `test images are ${testSize}, training images ${trainSize}; a size makes them equal`);
  }
}
