/** The chart of a sweep, as SVG: recovery above, what it costs below, one column a value. It needs no script and prints as sharp as text. */
import { round, speakMs } from '@svclab/core';
import { html } from '../report/html/markup.ts';
import type { SweepPoint, SweepReport } from './model.ts';

const WIDTH = 960;
const LEFT = 190;
const RIGHT = 20;
const LANE = 150;
const GAP = 34;
const FOOT = 46;

/** One lane of the chart. */
interface Lane {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  /** Height of a column, and of its lighter part on top; undefined where nothing was measured. */
  readonly value: (point: SweepPoint) => { readonly full: number; readonly light?: number } | undefined;
  readonly say: (value: number) => string;
}

const LANES: readonly Lane[] = [
  {
    id: 'recovery',
    title: 'Dark, median',
    unit: 'ms; light and figure: p95',
    value: (p) => (p.dark_ms ? { full: p.dark_ms.new.p50, light: p.dark_ms.new.p95 } : undefined),
    say: speakMs,
  },
  {
    id: 'false',
    title: 'False failovers',
    unit: 'an hour',
    value: (p) => (p.idle ? { full: p.idle.false_failovers_per_hour } : undefined),
    say: (v) => String(round(v)),
  },
  {
    id: 'cpu',
    title: 'CPU of the announcers',
    unit: '% of one',
    value: (p) => (p.idle ? { full: p.idle.announcer_cpu * 100 } : undefined),
    say: (v) => `${round(v, 2)} %`,
  },
  {
    id: 'lan',
    title: 'Sent on the LAN',
    unit: 'kB/s',
    value: (p) => (p.idle ? { full: p.idle.lan_bytes_per_s / 1000 } : undefined),
    say: (v) => `${round(v)} kB/s`,
  },
];

/** Ends of the axis' steps that people like. */
function niceStep(max: number): number {
  const power = 10 ** Math.floor(Math.log10(max / 3));
  return [1, 2, 5, 10].map((f) => f * power).find((s) => max / s <= 4) ?? 10 * power;
}

/** The chart; empty without points. */
export function sweepChart(report: SweepReport): string {
  const { points } = report;
  if (points.length === 0) return '';
  const column = (WIDTH - LEFT - RIGHT) / points.length;
  const height = LANES.length * (LANE + GAP) + FOOT;
  const lanes = LANES.map((lane, i) => laneSvg(lane, points, { top: GAP + i * (LANE + GAP), column }));
  const every = Math.ceil(points.length / Math.floor((WIDTH - LEFT) / Math.max(60, longest(points) * 8)));
  const labels = points
    .map((p, i) =>
      i % every === 0
        ? `<text x="${round(LEFT + (i + 0.5) * column, 2)}" y="${height - FOOT + 18}" class="mid">${html(p.label)}</text>`
        : '',
    )
    .join('');
  const over = report.over.map((a) => a.knobs.join('+')).join(', ');
  return `<figure class="chart" data-chart="sweep" data-points="${LANES.reduce((n, l) => n + points.filter((p) => l.value(p)).length, 0)}"><figcaption>Recovery against what it costs, by ${html(over)}</figcaption>
<svg class="sweep" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Columns: dark time, false failovers, CPU and LAN traffic for each value; the table below holds the figures">
${lanes.join('\n')}
${labels}<text x="${LEFT + (WIDTH - LEFT - RIGHT) / 2}" y="${height - 6}" class="mid dim">${html(over)}</text>
</svg></figure>`;
}

function longest(points: readonly SweepPoint[]): number {
  return Math.max(...points.map((p) => p.label.length));
}

function laneSvg(lane: Lane, points: readonly SweepPoint[], place: { top: number; column: number }): string {
  const { top, column } = place;
  const values = points.map((p) => lane.value(p));
  const max = Math.max(0, ...values.map((v) => Math.max(v?.full ?? 0, v?.light ?? 0)));
  const step = max > 0 ? niceStep(max) : 1;
  const end = max > 0 ? Math.ceil(max / step) * step : 1;
  const y = (v: number): number => round(top + LANE - (v / end) * LANE, 2);
  const ticks = Array.from({ length: Math.round(end / step) + 1 }, (_, i) => round(i * step, 6));
  const grid = ticks
    .map(
      (t) =>
        `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(t)}" y2="${y(t)}"/><text x="${LEFT - 8}" y="${y(t) + 4}" class="end">${t}</text>`,
    )
    .join('');
  const bar = Math.min(56, column * 0.6);
  const columns = values
    .map((value, i) => {
      const x = round(LEFT + (i + 0.5) * column - bar / 2, 2);
      const name = html(points[i]?.label ?? '');
      if (!value)
        return `<text x="${round(x + bar / 2, 2)}" y="${top + LANE - 6}" class="mid dim"><title>${name}: not measured</title>?</text>`;
      const above = Math.max(value.full, value.light ?? 0);
      const light =
        value.light === undefined
          ? ''
          : `<rect class="light" x="${x}" y="${y(value.light)}" width="${round(bar, 2)}" height="${round(y(0) - y(value.light), 2)}"/>`;
      const said =
        value.light === undefined ? lane.say(value.full) : `${lane.say(value.full)}, p95 ${lane.say(value.light)}`;
      return `<g><title>${name}: ${html(said)}</title>${light}<rect class="full ${lane.id}" x="${x}" y="${y(value.full)}" width="${round(bar, 2)}" height="${round(y(0) - y(value.full), 2)}"/><text x="${round(x + bar / 2, 2)}" y="${y(above) - 5}" class="mid">${html(lane.say(above))}</text></g>`;
    })
    .join('');
  return `<g><text x="0" y="${top + LANE / 2 - 4}">${html(lane.title)}</text><text x="0" y="${top + LANE / 2 + 12}" class="dim">${html(lane.unit)}</text>${grid}${columns}</g>`;
}
