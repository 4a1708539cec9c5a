/** Charts over all runs: the dark time's distribution, and latency by percentile. */
import uPlot from 'uplot';
import { axis, drawn, label, legendEntry, lineSign, logLabels, type Place, placeOf, widthOf } from './chart.ts';
import type { PageData, PageLine } from './page-data.ts';
import type { Theme } from './theme.ts';

const HEIGHT = 280;

/** Colour of a line: by flow, so that the two charts agree. */
function colorOf(line: PageLine, theme: Theme): string {
  return theme.color(line.name.startsWith('new') ? '--ok-new' : '--reset');
}

function series(lines: readonly PageLine[], theme: Theme, paths?: uPlot.Series.PathBuilder): uPlot.Series[] {
  return lines.map((line) => ({
    stroke: colorOf(line, theme),
    width: 2,
    dash: line.dashed ? [6, 4] : [],
    points: { show: paths === undefined, size: 4 },
    ...(paths ? { paths } : {}),
  }));
}

function finish(place: Place, chart: uPlot, lines: readonly PageLine[], theme: Theme, name: string): uPlot {
  chart.over.setAttribute('role', 'img');
  chart.over.setAttribute('aria-label', name);
  place.legend?.replaceChildren(
    ...lines.map((line) => legendEntry(lineSign(colorOf(line, theme), line.dashed), line.name)),
  );
  drawn(
    place,
    lines.reduce((n, line) => n + line.y.filter((v) => v !== null).length, 0),
  );
  return chart;
}

/** Share of runs whose dark time was at most x; undefined with too few runs. */
export function ecdfChart({ ecdf }: PageData, theme: Theme): uPlot | undefined {
  const place = placeOf('ecdf');
  if (!place || !ecdf) return undefined;
  const [first = 0, last = 0] = [ecdf.x[0], ecdf.x[ecdf.x.length - 1]];
  const margin = Math.max(1, (last - first) * 0.06);
  // The share is 0 up to the first value and 100 from the last one on.
  const x = [first - margin, ...ecdf.x, last + margin];
  const chart = new uPlot(
    {
      width: widthOf(place),
      height: HEIGHT,
      legend: { show: false },
      cursor: { drag: { x: true, y: false }, y: false },
      scales: { x: { time: false, range: [Math.max(0, first - margin), last + margin] }, y: { range: [0, 104] } },
      axes: [
        axis(theme, { label: 'dark time, ms', space: 60, size: 30 }),
        axis(theme, { size: 56, values: (_u, splits) => splits.map((v) => (v > 100 ? null : `${v} %`)) }),
      ],
      series: [{}, ...series(ecdf.lines, theme, uPlot.paths.stepped?.({ align: 1 }))],
      hooks: { draw: [(u) => guides(u, ecdf, theme)] },
    },
    [x, ...ecdf.lines.map((line) => [0, ...line.y, 100])] as uPlot.AlignedData,
    place.plot,
  );
  return finish(place, chart, ecdf.lines, theme, 'Share of runs by dark time');
}

/** Median and 95th percentile of new connections. */
function guides(u: uPlot, ecdf: NonNullable<PageData['ecdf']>, theme: Theme): void {
  const { ctx: context, bbox } = u;
  const dpr = devicePixelRatio;
  context.save();
  for (const [name, ms, share] of [
    ['median', ecdf.p50, 50],
    ['p95', ecdf.p95, 95],
  ] as const) {
    const [x, y] = [u.valToPos(ms, 'x', true), u.valToPos(share, 'y', true)];
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    context.strokeStyle = theme.dim;
    context.lineWidth = dpr;
    context.setLineDash([2 * dpr, 3 * dpr]);
    context.beginPath();
    context.moveTo(x, bbox.top + bbox.height);
    context.lineTo(x, y);
    context.lineTo(bbox.left, y);
    context.stroke();
    context.setLineDash([]);
    label(context, theme, `${name} ${ms} ms`, bbox.left + 6 * dpr, y + 12 * dpr, { color: theme.dim });
  }
  context.restore();
}

const PERCENTS: Readonly<Record<number, string>> = {
  1: '0 %',
  2: '50 %',
  10: '90 %',
  100: '99 %',
  1000: '99.9 %',
  10000: '99.99 %',
  100000: '99.999 %',
};

/** Latency by percentile, as HdrHistogram plots it: each step to the right is a tenth of the requests left. */
export function percentileChart({ percentiles }: PageData, theme: Theme): uPlot | undefined {
  const place = placeOf('percentiles');
  if (!place) return undefined;
  const { x, lines } = percentiles;
  const values = lines.flatMap((line) => line.y.filter((v) => v !== null));
  const low = values.reduce((a, b) => Math.min(a, b), 1);
  const high = values.reduce((a, b) => Math.max(a, b), 2);
  const chart = new uPlot(
    {
      width: widthOf(place),
      height: HEIGHT,
      legend: { show: false },
      cursor: { drag: { x: true, y: false }, y: false },
      scales: {
        x: { time: false, distr: 3, range: [1, (x[x.length - 1] ?? 10) * 1.2] },
        y: { distr: 3, range: [Math.max(0.01, low * 0.8), high * 1.3] },
      },
      axes: [
        axis(theme, {
          label: 'percentile',
          size: 30,
          splits: (u) =>
            Object.keys(PERCENTS)
              .map(Number)
              .filter((v) => v <= (u.scales.x?.max ?? 1)),
          values: (_u, splits) => splits.map((v) => PERCENTS[v] ?? ''),
          filter: (_u, splits) => splits,
        }),
        axis(theme, {
          size: 56,
          label: 'ms',
          values: logLabels,
        }),
      ],
      series: [{}, ...series(lines, theme)],
    },
    [[...x], ...lines.map((line) => [...line.y])] as uPlot.AlignedData,
    place.plot,
  );
  return finish(place, chart, lines, theme, 'Latency by percentile');
}
