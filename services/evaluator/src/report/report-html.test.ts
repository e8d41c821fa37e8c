import { asRunId } from '@mcld/platform/ids.js';
import type { Report } from '@mcld/platform/runs/report.js';
import { describe, expect, it } from 'vitest';
import { reportHtml } from './report-html.js';

const report: Report = {
  schema: 'mcld.report/1',
  run: asRunId('r-1'),
  name: '<script>alert(1)</script>',
  createdAt: '2026-01-01T00:00:00Z',
  model: 'resnet8',
  parameters: 84084,
  distiller: { name: 'mcld' },
  teacherDigest: 'a'.repeat(64),
  seed: 0,
  dataset: { name: 'cifar-100', standIn: '', skipped: 0, trainImages: 10, testImages: 5 },
  epochs: 2,
  step: 4,
  modelSha256: 'b'.repeat(64),
  metrics: {
    count: 5,
    nonFinite: 0,
    top1: 0.4,
    top5: 0.8,
    crossEntropy: 2,
    ece: 0.1,
    agreement: 0.6,
    teacherKl: 1.5,
    teacherTop1: 0.7,
  },
  history: [{ epoch: 1, step: 2, lr: 0.1, losses: { ce: 4, total: 5 }, trainTop1: 0.1 }],
  evaluations: [{ step: 4, epoch: 2, count: 5, nonFinite: 0, top1: 0.4, top5: 0.8, crossEntropy: 2, ece: 0.1 }],
  transfer: [
    {
      dataset: 'stl-10',
      standIn: 'stand-in of trains',
      mode: 'cached',
      classes: 10,
      trainImages: 1,
      testImages: 1,
      top1: 0.3,
      trainTop1: 1,
      nonFinite: 0,
    },
  ],
  worstClasses: [{ name: 'otter', count: 5, recall: 0, takenFor: [{ name: 'seal', count: 3 }] }],
  examples: [{ image: 'data:image/png;base64,AA==', label: 'otter', student: 'seal', teacher: 'otter' }],
};

describe('reportHtml', () => {
  it('stands alone: no scripts, no outside resources, names escaped', () => {
    const html = reportHtml([report, report]);
    expect(html).not.toMatch(/<script/i);
    expect(html).not.toMatch(/(src|href)="(?!data:)/);
    expect(html).toContain('&#60;script&#62;');
  });

  it('escapes whatever a recipe, a data set or a teacher calls things', () => {
    const evil = `"><img src=x onerror='alert(1)'>`;
    const html = reportHtml([
      {
        ...{ ...report, name: evil, model: evil, distiller: { name: evil }, teacherFault: evil, diverged: evil },
        dataset: { ...report.dataset, name: evil, standIn: evil },
        history: [{ epoch: 1, step: 2, lr: 0.1, losses: { [evil]: 4, total: 5 }, trainTop1: 0.1 }],
        transfer: [{ ...report.transfer[0]!, dataset: evil, standIn: evil }],
        worstClasses: [{ name: evil, count: 5, recall: 0, takenFor: [{ name: evil, count: 3 }] }],
        examples: [{ image: evil, label: evil, student: evil, teacher: evil }],
      },
    ]);
    expect(html).not.toContain('<img src=x');
    expect(html.match(/&#60;img src/g)!.length).toBeGreaterThanOrEqual(18);
    // What is HTML is not escaped a second time.
    expect(html).not.toMatch(/&#38;#|&#60;(?!img src)/);
  });

  it('says what was approximate, mixed or left out, and nothing where nothing was', () => {
    const logits = {
      precision: 'fp16',
      rows: 9,
      identities: ['cpu', 'gpu'],
      probedViews: 64,
      meanKl: 1e-7,
      maxKl: 2e-6,
    };
    const heic = { kind: 'files ending in .heic', count: 12, names: ['a.heic', '<b>.heic', 'c.heic', 'd.heic'] };
    const damaged = { kind: 'damaged images', count: 1, names: ['x.jpg'] };
    const dataset = { ...report.dataset, passedOver: { train: [heic, damaged], test: [damaged] } };
    const transfer = [{ ...report.transfer[0]!, passedOver: { train: [], test: [damaged] } }];
    const html = reportHtml([{ ...report, logits, dataset, transfer }]);
    expect(html).toContain(
      'cifar-100: files of the train split that are not used: files ending in .heic: 12 (a.heic, &#60;b&#62;.heic, c.heic, …); ' +
        'damaged images: 1 (x.jpg).',
    );
    expect(html).toContain('cifar-100: files of the test split that are not used: damaged images: 1 (x.jpg).');
    expect(html).toContain('stl-10: files of the test split that are not used: damaged images: 1 (x.jpg).');
    expect(html).toContain('stored approximately (fp16): KL 1.0e-7 on average, 2.0e-6 at most, over 64 views');
    expect(html).toContain('more than one kind of machine: cpu; gpu');
    const exact = { ...logits, precision: 'fp32', identities: ['cpu'] };
    expect(reportHtml([{ ...report, logits: exact }])).not.toMatch(/approximately|more than one kind|not used/);
  });

  it('marks a stand-in wherever its result shows', () => {
    const html = reportHtml([report]);
    expect(html).toContain('transfer to stl-10 (stand-in)');
    expect(html).toContain('stl-10: stand-in of trains');
    expect(html).toContain('stl-10 (stand-in): top-1 30.0 %');
  });

  it('shows a diverged run and a diverged probe as that, and a gap where an evaluation has no result', () => {
    const evaluations = [1, 2, 3, 4, 5].map((epoch) => ({
      ...{ step: epoch, epoch, count: 5, top1: 0.4, top5: 0.8 },
      ...(epoch === 2
        ? { nonFinite: 2, crossEntropy: 'NaN', ece: 'NaN' }
        : { nonFinite: 0, crossEntropy: 2, ece: 0.1 }),
    })) as unknown as Report['evaluations'];
    const [stl] = report.transfer;
    const html = reportHtml([
      report,
      {
        ...report,
        name: 'wild',
        metrics: { ...report.metrics, nonFinite: 1, crossEntropy: 'NaN', ece: 'NaN', teacherKl: 'NaN' },
        diverged: '1 of 5 test images have logits that are not finite (the first: image 3)',
        evaluations,
        transfer: [{ ...stl!, nonFinite: 1 }],
      },
    ]);
    const [, wild = ''] = /<tr>(<td>wild<.*?)<\/tr>/.exec(html) ?? [];
    expect([...wild.matchAll(/<td>(.*?)<\/td>/g)].slice(5).map(([, cell]) => cell)).toEqual([
      '<b>diverged</b>',
      'diverged',
      'NaN',
      'NaN',
      'diverged',
      'NaN',
      '70.0 %',
      'diverged',
    ]);
    expect(html).toContain('The student diverged: 1 of 5 test images have logits that are not finite');
    expect(html).toContain('The test curves have a gap at epoch 2: logits there are not finite.');
    expect(html).toContain('The linear probe on stl-10 diverged: 1 of 1 test images have no finite logits.');
    const { agreement: _agreement, teacherKl: _teacherKl, teacherTop1: _teacherTop1, ...alone } = report.metrics;
    const untaught = reportHtml([
      { ...report, name: 'wild', metrics: { ...alone, nonFinite: 1, crossEntropy: 'NaN' } },
    ]);
    expect(untaught).toContain('<td>–</td><td>–</td><td>–</td>');
    // The first run's point, and the second's curve in two pieces, of one point and of three.
    const [curve = ''] = /<svg[^>]*aria-label="Test cross-entropy">[\s\S]*?<\/svg>/.exec(html) ?? [];
    const pieces = [...curve.matchAll(/points="([^"]*)"/g)].map(([, points]) => new Set(points!.split(' ')).size);
    expect(pieces).toEqual([1, 1, 3]);
    expect(curve).not.toContain('NaN');
  });
});
