import { describe, expect, it } from 'vitest';
import { verdict } from './demo-verdict.js';

const scores = (ce: number, kd: number, mcld: number, count = 1000) => [
  { name: 'ce', top1: ce, count, teacherTop1: 0.624 },
  { name: 'kd', top1: kd, count },
  { name: 'mcld', top1: mcld, count },
];

describe("the demo's verdict", () => {
  it('gives each difference with the margin of so many test photographs', () => {
    const text = verdict(scores(0.149, 0.234, 0.323));
    expect(text).toContain('of 1,000 test photographs the teacher gets 62.4 % right and the students ce 14.9 %, kd');
    // 1.96·√(0.149·0.851/1000 + 0.234·0.766/1000) = 0.0343
    expect(text).toContain('kd is above ce by 8.5 ± 3.4 points, and mcld is above kd by 8.9 ± 3.9 points (95 %');
  });

  it('does not call a difference within the margin an advantage', () => {
    const text = verdict(scores(0.101, 0.11, 0.08));
    expect(text).toContain('kd and ce differ by 0.9 ± 2.7 points, which shows nothing');
    expect(text).toContain('mcld is below kd by 3.0 ± 2.6 points');
  });
});
