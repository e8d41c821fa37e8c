#!/usr/bin/env node
// The README's picture, out of a demo's report:
//   npm run demo && node scripts/demo-curve.mjs mcld-demo/report.json
// The report's own chart, with its style and legend inside, so that it stands alone.
import { readFileSync, writeFileSync } from 'node:fs';
import { lineChart } from '../services/evaluator/dist/report/charts.js';

const reports = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const series = reports.map(({ name, evaluations }) => ({
  name,
  points: evaluations.map(({ epoch, top1 }) => [epoch, top1]),
}));
const chart = lineChart('Test top-1', 'epoch', series, true);
const [, size, inner] = /viewBox="0 0 (\d+ \d+)"[^>]*>(.*)<\/svg>/s.exec(chart);
const [width, height] = size.split(' ').map(Number);
const legend = [...chart.matchAll(/background:(#\w+)"><\/i>([^<]*)/g)].map(([, colour, name], i) => {
  const x = 60 + 80 * i;
  return `<rect x="${x}" y="${height + 4}" width="10" height="10" rx="2" fill="${colour}"/><text x="${x + 15}" y="${height + 13}">${name}</text>`;
});
const style = 'text{font:11px system-ui,sans-serif;fill:#6b7280}.title{font-size:13px;font-weight:600;fill:#111827}';
const label = `Test top-1 by epoch: ${reports.map(({ name }) => name).join(', ')}`;
writeFileSync(
  new URL('../docs/demo-curve.svg', import.meta.url),
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height + 25}" width="690" role="img" aria-label="${label}">
<style>${style}</style>
<rect width="${width}" height="${height + 25}" fill="#fff"/>
${inner.trim()}
${legend.join('\n')}
</svg>
`,
);
