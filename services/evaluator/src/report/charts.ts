/** Line charts as SVG, without scripts. */
import { html } from 'ghtml';

type Point = readonly [x: number, y: number];

export interface Series {
  readonly name: string;
  /** Where y is not finite, the line has a gap. */
  readonly points: readonly Point[];
}

const WIDTH = 460;
const HEIGHT = 250;
const MARGIN = { left: 52, right: 12, top: 26, bottom: 34 };
const COLOURS = ['#2563eb', '#dc2626', '#059669', '#d97706', '#7c3aed', '#0891b2', '#be185d', '#4d7c0f'];

export function lineChart(title: string, xLabel: string, series: readonly Series[], percent = false): string {
  const drawn = series.map(({ name, points }) => ({ name, pieces: pieces(points) })).filter((s) => s.pieces.length > 0);
  const all = drawn.flatMap((line) => line.pieces.flat());
  if (all.length === 0) return '';
  const xs = all.map(([x]) => x);
  const ys = all.map(([, y]) => y);
  const [x0, x1] = [Math.min(...xs), Math.max(...xs, Math.min(...xs) + 1e-9)];
  const ticks = niceTicks(Math.min(0, ...ys), Math.max(...ys));
  const [y0, y1] = [Math.min(...ticks), Math.max(...ticks)];
  const px = (x: number) => MARGIN.left + ((x - x0) / (x1 - x0)) * (WIDTH - MARGIN.left - MARGIN.right);
  const py = (y: number) => HEIGHT - MARGIN.bottom - ((y - y0) / (y1 - y0)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const format = (y: number) => (percent ? `${(100 * y).toFixed(0)} %` : short(y));
  const grid = ticks.map(
    (y) =>
      html`<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${py(y)}" y2="${py(y)}" stroke="#e5e7eb"/>` +
      html`<text x="${MARGIN.left - 6}" y="${py(y) + 4}" text-anchor="end">${format(y)}</text>`,
  );
  const lines = drawn.flatMap((line, i) => {
    const colour = COLOURS[i % COLOURS.length];
    return line.pieces.map((points) => {
      const path = points.map(([x, y]) => `${px(x).toFixed(1)},${py(y).toFixed(1)}`);
      // A round cap makes a dot of a piece of one point.
      const ends = points.length === 1 ? [...path, ...path] : path;
      return html`<polyline fill="none" stroke="${colour}" stroke-width="2" stroke-linecap="round" points="${ends.join(' ')}"/>`;
    });
  });
  const legend = drawn.map(
    ({ name }, i) => html`<span><i style="background:${COLOURS[i % COLOURS.length]}"></i>${name}</span>`,
  );
  return html`<figure><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">
<text x="${MARGIN.left}" y="16" class="title">${title}</text>!${grid}
<text x="${MARGIN.left}" y="${HEIGHT - 16}">${format0(x0)}</text><text x="${WIDTH - MARGIN.right}" y="${HEIGHT - 16}" text-anchor="end">${format0(x1)}</text>
<text x="${(MARGIN.left + WIDTH) / 2}" y="${HEIGHT - 16}" text-anchor="middle">${xLabel}</text>
!${lines}</svg><figcaption class="legend">!${legend}</figcaption></figure>`;
}

/** A series cut where it has no finite value. */
function pieces(points: readonly Point[]): Point[][] {
  const parts: Point[][] = [[]];
  for (const point of points) {
    if (Number.isFinite(point[1])) parts.at(-1)?.push(point);
    else parts.push([]);
  }
  return parts.filter((piece) => piece.length > 0);
}

/** In the margin's width, also for the losses of a run that is about to diverge. */
const short = (y: number): string => (Math.abs(y) < 1e5 ? String(Number(y.toPrecision(3))) : y.toExponential(1));

const format0 = (x: number): string => String(Math.round(x));

function niceTicks(min: number, max: number): number[] {
  const span = max - min || 1;
  const raw = span / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5, 10].find((m) => m * power >= raw) ?? 10);
  const first = Math.floor(min / step);
  const count = Math.ceil(max / step) - first;
  return Array.from({ length: Math.max(1, count) + 1 }, (_, i) => (first + i) * step);
}
