import { describe, expect, it } from 'vitest';
import { MetricsAccumulator } from './metrics.js';

describe('metrics', () => {
  it('are what they are by hand', () => {
    const metrics = new MetricsAccumulator();
    const ln = Math.log;
    // Confidences 0.7 (right), 0.6 (wrong), with a teacher that agrees on the first only.
    metrics.add([ln(0.7), ln(0.2), ln(0.1)], 0, [ln(0.5), ln(0.25), ln(0.25)]);
    metrics.add([ln(0.6), ln(0.3), ln(0.1)], 1, [ln(0.1), ln(0.1), ln(0.8)]);
    const result = metrics.result();
    expect(result.count).toBe(2);
    expect(result.top1).toBe(0.5);
    expect(result.top5).toBe(1);
    expect(result.crossEntropy).toBeCloseTo((-ln(0.7) - ln(0.3)) / 2, 12);
    expect(result.ece).toBeCloseTo((Math.abs(0.7 - 1) + Math.abs(0.6 - 0)) / 2, 12);
    expect(result.agreement).toBe(0.5);
    expect(result.teacherTop1).toBe(0.5);
    const kl1 = 0.5 * ln(0.5 / 0.7) + 0.25 * ln(0.25 / 0.2) + 0.25 * ln(0.25 / 0.1);
    const kl2 = 0.1 * ln(0.1 / 0.6) + 0.1 * ln(0.1 / 0.3) + 0.8 * ln(0.8 / 0.1);
    expect(result.teacherKl).toBeCloseTo((kl1 + kl2) / 2, 12);
  });

  it('count top-5 among more classes, ties for the lower class', () => {
    const metrics = new MetricsAccumulator();
    metrics.add([1, 1, 1, 1, 1, 1, 0], 4);
    metrics.add([1, 1, 1, 1, 1, 1, 0], 5);
    expect(metrics.result().top5).toBe(0.5);
  });

  it('stay finite for logits of ±1000', () => {
    const metrics = new MetricsAccumulator();
    metrics.add([1000, -1000], 1, [-1000, 1000]);
    const values = Object.values(metrics.result());
    expect(values.length).toBeGreaterThan(5);
    expect(values.filter((value) => !Number.isFinite(value))).toEqual([]);
  });
});

describe('logits that are not finite', () => {
  const { NaN: nan, POSITIVE_INFINITY: infinite } = Number;

  it.each([
    ['NaN everywhere', [nan, nan, nan]],
    ['NaN beside the label', [9, nan, 0]],
    ['an infinite right guess', [infinite, 0, 0]],
    ['another class at −∞', [9, -infinite, 0]],
  ])('never count as right: %s', (_name, row) => {
    const metrics = new MetricsAccumulator();
    metrics.add([3, 1, 0], 0, [3, 1, 0]);
    metrics.add(row, 0, [3, 1, 0]);
    expect(metrics.result()).toEqual({
      count: 2,
      nonFinite: 1,
      top1: 0.5,
      top5: 0.5,
      crossEntropy: nan,
      ece: nan,
      agreement: 0.5,
      teacherKl: nan,
      teacherTop1: 1,
    });
    expect(metrics.firstNonFinite).toBe(1);
  });

  it('are not those that only overflow in float32', () => {
    const metrics = new MetricsAccumulator();
    const most = 3.4e38;
    metrics.add(Float32Array.of(most, -most), 0, Float32Array.of(-most, most));
    metrics.add(Float32Array.of(most, -most), 1, Float32Array.of(most, -most));
    const { nonFinite, top1, crossEntropy, ece, teacherKl } = metrics.result();
    expect([nonFinite, top1, ece]).toEqual([0, 0.5, 0.5]);
    expect(crossEntropy).toBeCloseTo(3.4e38, -32);
    expect(teacherKl).toBeCloseTo(3.4e38, -32);
  });
});
