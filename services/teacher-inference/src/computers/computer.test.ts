import { describe, expect, it } from 'vitest';
import { widthOf } from './computer.js';

const teacher = { model: 'resnet8', widths: { logits: 100, features: 64 } };

describe("a teacher's outputs", () => {
  it('have a width each', () => {
    expect([widthOf(teacher, 'logits'), widthOf(teacher, 'features')]).toEqual([100, 64]);
  });

  it.each(['depth', 'toString', ''])("are refused by name where there is none: '%s'", (output) => {
    expect(() => widthOf(teacher, output)).toThrow(`output '${output}': the teacher (resnet8) has logits, features`);
  });
});
