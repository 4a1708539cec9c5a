/** Answers and losses a second. */
import uPlot from 'uplot';
import { axis, drawn, gutterOf, legendEntry, lineSign, placeOf, seconds, timeAxis, widthOf } from './chart.ts';
import { faultBands, type Tell } from './latency-chart.ts';
import type { PageRun } from './page-data.ts';
import type { SharedTime } from './shared-time.ts';
import type { Theme } from './theme.ts';

const LINES = [
  { name: 'answered, new connections', color: '--ok-new', dash: [] },
  { name: 'answered, reused connections', color: '--ok-reused', dash: [6, 4] },
  { name: 'lost, both', color: '--timeout', dash: [] },
] as const;

/** Draws the chart; undefined when the page has no place for it. */
export function rateChart(run: PageRun, theme: Theme, time: SharedTime, tell: Tell): uPlot | undefined {
  const place = placeOf('rate');
  if (!place) return undefined;
  const { t, answeredNew, answeredReused, lost } = run.rate;
  const lines = [answeredNew, answeredReused, lost];
  const top = lines.flat().reduce((a, b) => Math.max(a, b), 1);
  const chart = new uPlot(
    {
      width: widthOf(place),
      height: 160,
      legend: { show: false },
      cursor: { sync: { key: 'run', setSeries: false }, drag: { x: true, y: false }, y: false },
      scales: { x: time.scale, y: { range: [0, top * 1.08] } },
      axes: [timeAxis(theme), axis(theme, { size: gutterOf(place, true), label: 'requests/s', space: 30 })],
      series: [
        {},
        ...LINES.map(({ color, dash }, i) => ({
          stroke: theme.color(color),
          width: 2,
          dash: [...dash],
          points: { show: false },
          ...(i === 2 ? { fill: theme.color('--lost-fill') } : {}),
        })),
      ],
      hooks: {
        drawClear: [(u) => faultBands(u, run, theme)],
        setScale: [(u, key) => key === 'x' && time.changed(u)],
        setCursor: [
          (u) => {
            const i = u.cursor.idx;
            if (i === null || i === undefined || !isUnderPointer(u)) return;
            tell(
              `${seconds(t[i] ?? 0, 2)}: ${answeredNew[i]} answered/s on new, ${answeredReused[i]} on reused connections, ${lost[i]} lost/s`,
            );
          },
        ],
      },
    },
    [[...t], ...lines.map((y) => [...y])] as uPlot.AlignedData,
    place.plot,
  );
  chart.over.setAttribute('role', 'img');
  chart.over.setAttribute('aria-label', 'Requests answered and lost a second over time');
  place.legend?.replaceChildren(
    ...LINES.map(({ name, color, dash }) => legendEntry(lineSign(theme.color(color), dash.length > 0), name)),
  );
  drawn(place, t.length * lines.length);
  time.add(chart);
  return chart;
}

/** Whether the pointer is on this chart: the others' cursors move with it. */
function isUnderPointer(u: uPlot): boolean {
  return u.over.matches(':hover');
}
