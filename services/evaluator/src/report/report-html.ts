import { unusedLines } from '@mcld/datasets/readers/passed-over.js';
import type { JsonNumber } from '@mcld/platform/json.js';
import { isDiverged } from '@mcld/platform/runs/metrics.js';
import type { Report } from '@mcld/platform/runs/report.js';
import type { TransferResult } from '@mcld/platform/runs/transfer.js';
import { html } from 'ghtml';
import { lineChart, type Series } from './charts.js';

const DIVERGED = 'diverged';

const percent = (share: number | undefined): string => (share === undefined ? '–' : `${(100 * share).toFixed(1)} %`);
const number = (value: JsonNumber | undefined): string => (value === undefined ? '–' : Number(value).toFixed(3));
/** A share of images, unless some have no finite logits: then it is not a result. */
const result = (of: { nonFinite: number }, share: number | undefined): string =>
  share !== undefined && isDiverged(of) ? DIVERGED : percent(share);

/**
 * A page of its own, without scripts or outside resources: one run, or several compared.
 *
 * `html` escapes every value; `!${…}` is for what is HTML already.
 */
export function reportHtml(reports: readonly Report[]): string {
  const title = reports.length === 1 ? `mcld report: ${reports[0]?.name}` : `mcld: ${reports.length} runs compared`;
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><style>!${STYLE}</style></head><body>
<h1>${title}</h1>
!${comparison(reports)}
<h2>Learning curves</h2><div class="charts">!${curves(reports)}</div>
<h2>Loss terms</h2><div class="charts">!${reports.map(lossTerms)}</div>
!${reports.map(runSection).join('\n')}
<footer>Top-1, top-5 and agreement are shares of test images; cross-entropy and KL in nats; ECE over 15 bins. MCLD's
equations are this project's reading of arXiv 2411.10693. Transfer: a linear probe on frozen features (mode: cached).</footer>
</body></html>
`;
}

function comparison(reports: readonly Report[]): string {
  const transfers = [...new Set(reports.flatMap(({ transfer }) => transfer.map(({ dataset }) => dataset)))];
  const head = [
    'run',
    'model',
    'parameters',
    'distiller',
    'seed',
    'top-1',
    'top-5',
    'cross-entropy',
    'ECE',
    'agreement',
    'KL to teacher',
    "teacher's top-1",
  ];
  const rows = reports.map((r) => {
    const m = r.metrics;
    const before = [r.name, r.model, r.parameters.toLocaleString('en'), String(r.distiller.name), String(r.seed)];
    const after = [
      result(m, m.top5),
      number(m.crossEntropy),
      number(m.ece),
      result(m, m.agreement),
      number(m.teacherKl),
      percent(m.teacherTop1),
      ...transfers.map((name) => transferred(r.transfer.find(({ dataset }) => dataset === name))),
    ];
    return html`<tr>!${before.map(cell)}<td><b>${result(m, m.top1)}</b></td>!${after.map(cell)}</tr>`;
  });
  const all = [...head, ...transfers.map((name) => `transfer to ${name}${standInMark(reports, name)}`)];
  return html`<table><thead><tr>!${all.map((h) => html`<th>${h}</th>`)}</tr></thead><tbody>!${rows}</tbody></table>
!${standInNotes(reports)}`;
}

const cell = (text: string): string => html`<td>${text}</td>`;

const transferred = (transfer: TransferResult | undefined): string =>
  transfer ? result(transfer, transfer.top1) : '–';

function standInMark(reports: readonly Report[], name: string): string {
  return reports.some(({ transfer }) => transfer.some((t) => t.dataset === name && t.standIn)) ? ' (stand-in)' : '';
}

function standInNotes(reports: readonly Report[]): string {
  const notes = new Set(
    reports.flatMap(({ transfer, dataset }) => [
      ...(dataset.standIn ? [`${dataset.name}: ${dataset.standIn}`] : []),
      ...transfer.filter(({ standIn }) => standIn).map(({ dataset: name, standIn }) => `${name}: ${standIn}`),
    ]),
  );
  return [...notes].map((note) => html`<p class="note">${note}</p>`).join('');
}

function curves(reports: readonly Report[]): string {
  const test: Series[] = reports.map(({ name, evaluations }) => ({
    name,
    points: evaluations.map((at) => [at.epoch, isDiverged(at) ? Number.NaN : at.top1]),
  }));
  const train: Series[] = reports.map(({ name, history }) => ({
    name,
    points: history.map(({ epoch, trainTop1 }) => [epoch, trainTop1]),
  }));
  const entropy: Series[] = reports.map(({ name, evaluations }) => ({
    name,
    points: evaluations.map(({ epoch, crossEntropy }) => [epoch, Number(crossEntropy)]),
  }));
  return [
    lineChart('Test top-1', 'epoch', test, true),
    lineChart('Training top-1 (augmented views)', 'epoch', train, true),
    lineChart('Test cross-entropy', 'epoch', entropy),
  ].join('');
}

function lossTerms({ name, history }: Report): string {
  const terms = Object.keys(history[0]?.losses ?? {});
  const series = terms.map(
    (term): Series => ({
      name: term,
      points: history.map(({ epoch, losses }) => [epoch, losses[term] ?? Number.NaN]),
    }),
  );
  return lineChart(name, 'epoch', series);
}

function runSection(report: Report): string {
  const { name, run, metrics, diverged, worstClasses, examples, transfer, modelSha256, epochs, step } = report;
  const transfers = transfer.map(
    (t) =>
      html`<li>${t.dataset}${t.standIn ? ' (stand-in)' : ''}: top-1 ${transferred(t)} of ${t.testImages} test images,
${t.classes} classes, ${t.trainImages} training images; mode ${t.mode}</li>`,
  );
  const worst = worstClasses.map(
    (c) =>
      html`<tr><td>${c.name}</td><td>${percent(c.recall)}</td><td>${c.takenFor.map((t) => `${t.name} (${t.count})`).join(', ')}</td></tr>`,
  );
  const cards = examples.map((x) => {
    const mark = (guess: string) => (guess === x.label ? 'right' : 'wrong');
    const teacher = x.teacher ? html`<span class="${mark(x.teacher)}">teacher: ${x.teacher}</span>` : '';
    return html`<div class="card"><img src="${x.image}" alt="${x.label}"><b>${x.label}</b>
<span class="${mark(x.student)}">student: ${x.student}</span>!${teacher}</div>`;
  });
  const worstTable = html`<h3>Worst classes</h3><table><thead><tr><th>class</th><th>recognised</th><th>taken for</th></tr></thead><tbody>!${worst}</tbody></table>`;
  return html`<section><h2>${name}</h2>
<p>Run <code>${run}</code>, ${epochs} epochs, ${step} steps, top-1 ${result(metrics, metrics.top1)} on ${metrics.count} test images.
Weights sha256 <code>${modelSha256}</code>.</p>
!${diverged ? html`<p class="wrong">The student diverged: ${diverged}.</p>` : ''}
!${remarks(report).map((remark) => html`<p class="note">${remark}</p>`)}
!${transfers.length > 0 ? html`<ul>!${transfers}</ul>` : ''}
!${worst.length > 0 ? worstTable : ''}
<h3>Test images and guesses</h3><div class="cards">!${cards}</div></section>`;
}

/** Epochs without a result that a remark names. */
const NAMED_GAPS = 10;

/** What a reader of the figures should know. */
function remarks({ dataset, logits, evaluations, transfer, teacherFault }: Report): string[] {
  const sets = [dataset, ...transfer.map((t) => ({ name: t.dataset, ...t }))];
  const notes = sets.flatMap(({ name, passedOver = {} }) => unusedLines(passedOver).map((line) => `${name}: ${line}.`));
  const gaps = evaluations.filter(isDiverged).map(({ epoch }) => epoch);
  if (gaps.length > 0) {
    const named = `${gaps.slice(0, NAMED_GAPS).join(', ')}${gaps.length > NAMED_GAPS ? ', …' : ''}`;
    const epochs = gaps.length === 1 ? 'epoch' : 'epochs';
    notes.push(`The test curves have a gap at ${epochs} ${named}: logits there are not finite.`);
  }
  for (const { dataset: name, nonFinite, testImages } of transfer.filter(isDiverged)) {
    notes.push(
      `The linear probe on ${name} diverged: ${nonFinite} of ${testImages} test images have no finite logits.`,
    );
  }
  if (teacherFault) notes.push(`The student was not compared with its teacher on the test images: ${teacherFault}.`);
  if (logits?.precision === 'unstored') notes.push('The teacher saw mixed images; its logits were not stored.');
  else if (logits && logits.precision !== 'fp32') {
    const { precision, meanKl, maxKl, probedViews } = logits;
    const off = `KL ${meanKl.toExponential(1)} on average, ${maxKl.toExponential(1)} at most, over ${probedViews} views`;
    notes.push(`The teacher's logits were stored approximately (${precision}): ${off}.`);
  }
  if (logits && logits.identities.length > 1) {
    notes.push(`The teacher's stored logits come from more than one kind of machine: ${logits.identities.join('; ')}.`);
  }
  return notes;
}

const STYLE = `
body{font:15px/1.5 system-ui,sans-serif;color:#111827;margin:2rem auto;max-width:1180px;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2.2rem}h3{font-size:1rem}
table{border-collapse:collapse;font-size:13px}td:not(:last-child){white-space:nowrap}td,th{border-bottom:1px solid #e5e7eb;padding:.35rem .6rem;text-align:left;vertical-align:top}
th{color:#4b5563;font-weight:600}code{font-size:12px;overflow-wrap:anywhere}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(360px,1fr));gap:1rem}figure{margin:0}
svg{width:100%;height:auto}svg text{font-size:11px;fill:#6b7280}svg .title{font-size:13px;fill:#111827;font-weight:600}
.legend span{display:inline-block;margin-right:1rem;font-size:12px}.legend i{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:5px}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(130px,1fr));gap:.7rem}
.card{border:1px solid #e5e7eb;border-radius:6px;padding:.5rem;font-size:12px;display:flex;flex-direction:column}
.card img{width:96px;height:96px;image-rendering:pixelated;align-self:center}.right{color:#047857}.wrong{color:#b91c1c}
.note,footer{color:#6b7280;font-size:13px}footer{margin-top:3rem}`;
