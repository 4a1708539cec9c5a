/** One line a component: what it did when, and for how long it was broken, suspicious or in charge. */
import uPlot from 'uplot';
import { axis, drawn, gutterOf, label, legendEntry, placeOf, seconds, timeAxis, widthOf } from './chart.ts';
import { glyphCanvas, paint, type Shape } from './glyphs.ts';
import { faultBands, type Tell } from './latency-chart.ts';
import type { PageEvent, PageLane, PageRun, PageSpan } from './page-data.ts';
import type { SharedTime } from './shared-time.ts';
import type { Theme } from './theme.ts';

const EVENTS: Readonly<
  Record<PageEvent['kind'], { readonly shape: Shape; readonly color: string; readonly name: string }>
> = {
  fault: { shape: 'cross', color: '--fault', name: 'fault' },
  heal: { shape: 'plus', color: '--ok-new', name: 'healed' },
  process: { shape: 'square', color: '--dim', name: 'process' },
  member: { shape: 'ring', color: '--unreachable', name: 'membership' },
  vip: { shape: 'diamond', color: '--owner', name: 'VIP' },
  node: { shape: 'up', color: '--reset', name: 'node or leader' },
  endpoints: { shape: 'down', color: '--refused', name: 'endpoints' },
  rules: { shape: 'bar', color: '--ok-new', name: 'rules programmed' },
  pod: { shape: 'dot', color: '--http-error', name: 'pod' },
  probe: { shape: 'dot', color: '--timeout', name: 'prober' },
};

const SPANS: Readonly<Record<PageSpan['kind'], { readonly color: string; readonly name: string }>> = {
  fault: { color: '--fault', name: 'fault lasts' },
  down: { color: '--down', name: 'down' },
  owner: { color: '--owner', name: 'owns the VIP' },
  suspect: { color: '--unreachable', name: 'suspects a member' },
  'not-ready': { color: '--reset', name: 'node NotReady' },
  dark: { color: '--timeout', name: 'no answer' },
};

const LANE = 26;

/** Draws the chart; undefined when the page has no place for it or nothing happened. */
export function lanesChart(run: PageRun, theme: Theme, time: SharedTime, tell: Tell): uPlot | undefined {
  const place = placeOf('lanes');
  if (!place) return undefined;
  const { lanes } = run;
  const events = lanes.flatMap((lane, i) => lane.events.map((e) => ({ ...e, lane: i }))).sort((a, b) => a.at - b.at);
  place.figure.hidden = lanes.length === 0;
  if (lanes.length === 0) return undefined;
  const xs = [0, ...events.map((e) => e.at), run.durationMs];
  const chart = new uPlot(
    {
      width: widthOf(place),
      height: lanes.length * LANE + 44,
      legend: { show: false },
      cursor: {
        sync: { key: 'run', setSeries: false },
        drag: { x: true, y: false },
        points: { show: false },
        y: false,
      },
      scales: { x: time.scale, y: { range: [0, lanes.length], dir: -1 } },
      axes: [
        timeAxis(theme),
        axis(theme, {
          size: gutterOf(place, false),
          splits: () => lanes.map((_, i) => i + 0.5),
          values: () => lanes.map((lane) => lane.name),
          grid: { show: false },
          ticks: { show: false },
        }),
      ],
      series: [{}, { paths: () => null, points: { show: false } }],
      hooks: {
        drawClear: [(u) => faultBands(u, run, theme)],
        draw: [(u) => paintLanes(u, lanes, theme)],
        setScale: [(u, key) => key === 'x' && time.changed(u)],
        setCursor: [
          (u) => {
            if (u.over.matches(':hover')) tell(under(u, lanes));
          },
        ],
      },
    },
    [xs, xs.map(() => 0)],
    place.plot,
  );
  chart.over.setAttribute('role', 'img');
  chart.over.setAttribute('aria-label', 'What each component did over time');
  legend(place.legend, lanes, theme);
  drawn(place, events.length + lanes.reduce((n, lane) => n + lane.spans.length, 0));
  time.add(chart);
  return chart;
}

function paintLanes(u: uPlot, lanes: readonly PageLane[], theme: Theme): void {
  const { ctx: context, bbox } = u;
  const dpr = devicePixelRatio;
  context.save();
  context.beginPath();
  context.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  context.clip();
  lanes.forEach((lane, i) => {
    const middle = u.valToPos(i + 0.5, 'y', true);
    context.fillStyle = theme.grid;
    context.fillRect(bbox.left, u.valToPos(i + 1, 'y', true), bbox.width, Math.max(1, dpr / 2));
    for (const span of lane.spans) paintSpan(u, span, middle, theme);
    for (const [kind, look] of Object.entries(EVENTS)) {
      const at = lane.events
        .filter((e) => e.kind === kind)
        .map((e): [number, number] => [u.valToPos(e.at, 'x', true), middle]);
      if (at.length > 0) paint(context, look.shape, theme.color(look.color), at, 4 * dpr);
    }
    for (const span of lane.spans) nameSpan(u, span, middle, theme);
  });
  context.restore();
}

function paintSpan(u: uPlot, span: PageSpan, middle: number, theme: Theme): void {
  const { ctx: context } = u;
  const dpr = devicePixelRatio;
  const color = theme.color(SPANS[span.kind].color);
  const [from, to] = [u.valToPos(span.from, 'x', true), u.valToPos(span.to, 'x', true)];
  const height = (LANE - 8) * dpr;
  context.globalAlpha = 0.28;
  context.fillStyle = color;
  context.fillRect(from, middle - height / 2, Math.max(2 * dpr, to - from), height);
  context.globalAlpha = 1;
  context.fillRect(from, middle + height / 2 - 2 * dpr, Math.max(2 * dpr, to - from), 2 * dpr);
}

/** The name of a stretch, where it has room: above what happened in it. */
function nameSpan(u: uPlot, span: PageSpan, middle: number, theme: Theme): void {
  const { ctx: context, bbox } = u;
  const dpr = devicePixelRatio;
  const [from, to] = [u.valToPos(span.from, 'x', true), u.valToPos(span.to, 'x', true)];
  const [left, right] = [Math.max(from, bbox.left), Math.min(to, bbox.left + bbox.width)];
  context.font = `${12 * dpr}px ${theme.font}`;
  if (right - left > context.measureText(span.label).width + 24 * dpr)
    label(context, theme, span.label, left + 10 * dpr, middle);
}

/** What lies under the pointer: the event within 8 pixels, else the spans. */
function under(u: uPlot, lanes: readonly PageLane[]): string {
  const { left = -1, top = -1 } = u.cursor;
  const lane = lanes[Math.floor(u.posToVal(top, 'y'))];
  if (left < 0 || !lane) return '';
  const near = lane.events
    .map((e) => ({ e, distance: Math.abs(u.valToPos(e.at, 'x') - left) }))
    .filter(({ distance }) => distance < 8)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3);
  if (near.length > 0) return near.map(({ e }) => `${seconds(e.at, 4)} ${lane.name}: ${e.label}`).join('; ');
  const at = u.posToVal(left, 'x');
  return lane.spans
    .filter((s) => s.from <= at && s.to >= at)
    .map((s) => `${lane.name}: ${s.label}, ${seconds(s.from, 3)} to ${seconds(s.to, 3)}`)
    .join('; ');
}

function legend(place: HTMLElement | null, lanes: readonly PageLane[], theme: Theme): void {
  const kinds = new Set(lanes.flatMap((lane) => lane.events.map((e) => e.kind)));
  const spans = new Set(lanes.flatMap((lane) => lane.spans.map((s) => s.kind)));
  const block = (color: string): HTMLElement => {
    const sign = document.createElement('span');
    sign.className = 'block';
    sign.style.background = color;
    return sign;
  };
  place?.replaceChildren(
    ...[...spans].map((kind) => legendEntry(block(theme.color(SPANS[kind].color)), SPANS[kind].name)),
    ...[...kinds].map((kind) => {
      const look = EVENTS[kind];
      return legendEntry(glyphCanvas(look.shape, theme.color(look.color)), look.name);
    }),
  );
}
