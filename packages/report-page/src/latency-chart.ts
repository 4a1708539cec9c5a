/** Every request as a point: when it was due and how long until its fate was known. */
import uPlot from 'uplot';
import { axis, drawn, gutterOf, label, legendEntry, logLabels, placeOf, seconds, timeAxis, widthOf } from './chart.ts';
import { type Glyph, glyphCanvas, outcomeGlyph, paint } from './glyphs.ts';
import type { PageRun } from './page-data.ts';
import type { SharedTime } from './shared-time.ts';
import type { Theme } from './theme.ts';

interface Group {
  readonly glyph: Glyph;
  readonly ok: boolean;
  readonly t: readonly number[];
  readonly ms: readonly number[];
  readonly of: number;
}

/** Where the pointer is told about. */
export type Tell = (text: string) => void;

/** Groups of outcomes that are not drawn, by name; kept from run to run. */
const hidden = new Set<string>();

/** Draws the chart; undefined when the page has no place for it. */
export function latencyChart(run: PageRun, theme: Theme, time: SharedTime, tell: Tell): uPlot | undefined {
  const place = placeOf('latency');
  if (!place) return undefined;
  const groups = run.points
    .map((p): Group => ({ glyph: outcomeGlyph(p.outcome, p.flow), ok: p.outcome === 'ok', t: p.t, ms: p.ms, of: p.of }))
    // Losses lie above successes.
    .sort((a, b) => Number(b.ok) - Number(a.ok));
  const all = groups.flatMap((group) => group.t.map((t, i) => ({ t, ms: Math.max(0.1, group.ms[i] ?? 0), group })));
  all.sort((a, b) => a.t - b.t);
  const values = all.map((p) => p.ms);
  const low = values.reduce((a, b) => Math.min(a, b), 1);
  const high = values.reduce((a, b) => Math.max(a, b), 10);
  const chart = new uPlot(
    {
      width: widthOf(place),
      height: 330,
      legend: { show: false },
      cursor: {
        sync: { key: 'run', setSeries: false },
        drag: { x: true, y: false },
        points: { show: false },
        y: false,
      },
      scales: { x: time.scale, y: { distr: 3, range: [low * 0.8, high * 4] } },
      axes: [
        timeAxis(theme),
        axis(theme, {
          size: gutterOf(place, true),
          label: 'ms',
          values: logLabels,
          space: 26,
        }),
      ],
      series: [{}, { paths: () => null, points: { show: false } }],
      hooks: {
        drawClear: [(u) => faultBands(u, run, theme)],
        draw: [(u) => points(u, groups, theme), (u) => faultNames(u, run, theme)],
        setScale: [(u, key) => key === 'x' && time.changed(u)],
        setCursor: [
          (u) => {
            const near = nearest(u, all);
            tell(near ? `${seconds(near.t, 3)}: ${near.group.glyph.name}, ${near.ms} ms` : '');
          },
        ],
      },
    },
    [all.map((p) => p.t), values],
    place.plot,
  );
  chart.over.setAttribute('role', 'img');
  chart.over.setAttribute('aria-label', 'Latency of each request over time, by outcome');
  legend(place.legend, groups, theme, () => chart.redraw(false));
  drawn(place, all.length);
  time.add(chart);
  return chart;
}

/** Stretches while a fault was there. */
export function faultBands(u: uPlot, run: PageRun, theme: Theme): void {
  const { ctx: context, bbox } = u;
  context.save();
  context.beginPath();
  context.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  context.clip();
  for (const fault of run.faults) {
    const [from, to] = [u.valToPos(fault.from, 'x', true), u.valToPos(fault.to, 'x', true)];
    context.fillStyle = theme.color('--fault-band');
    context.fillRect(from, bbox.top, Math.max(1, to - from), bbox.height);
    context.fillStyle = theme.color('--fault');
    for (const x of [from, to]) context.fillRect(x - 0.5, bbox.top, Math.max(1, devicePixelRatio), bbox.height);
  }
  context.restore();
}

/** The names of the faults above their stretches. */
function faultNames(u: uPlot, run: PageRun, theme: Theme): void {
  const { ctx: context, bbox } = u;
  context.save();
  context.beginPath();
  context.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  context.clip();
  const ends: number[] = [];
  for (const fault of run.faults) {
    if (u.valToPos(fault.to, 'x', true) < bbox.left) continue;
    // Names that would lie on each other go on lines of their own.
    const x = Math.max(u.valToPos(fault.from, 'x', true), bbox.left) + 6 * devicePixelRatio;
    let line = ends.findIndex((end) => end < x);
    if (line < 0) line = ends.length;
    const y = bbox.top + (12 + 16 * line) * devicePixelRatio;
    ends[line] = x + label(context, theme, fault.label, x, y, { color: theme.color('--fault') }) + 8 * devicePixelRatio;
  }
  context.restore();
}

function points(u: uPlot, groups: readonly Group[], theme: Theme): void {
  const { ctx: context, bbox } = u;
  const { min = 0, max = 0 } = u.scales.x ?? {};
  context.save();
  context.beginPath();
  context.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  context.clip();
  for (const { glyph, ok, t, ms } of groups) {
    if (hidden.has(glyph.name)) continue;
    const at: [number, number][] = [];
    t.forEach((x, i) => {
      if (x >= (min ?? 0) && x <= (max ?? 0))
        at.push([u.valToPos(x, 'x', true), u.valToPos(Math.max(0.1, ms[i] ?? 0), 'y', true)]);
    });
    context.globalAlpha = ok ? 0.75 : 1;
    paint(context, glyph.shape, theme.color(glyph.color), at, (ok ? 1.9 : 3.6) * devicePixelRatio);
  }
  context.restore();
}

/** The point closest to the pointer, within 24 pixels. */
function nearest<T extends { readonly t: number; readonly ms: number; readonly group: Group }>(
  u: uPlot,
  all: readonly T[],
): T | undefined {
  const { left = -1, top = -1 } = u.cursor;
  if (left < 0 || top < 0) return undefined;
  const [from, to] = [u.posToVal(left - 24, 'x'), u.posToVal(left + 24, 'x')];
  let found: T | undefined;
  let best = 24 ** 2;
  for (const p of all) {
    if (p.t < from || p.t > to || hidden.has(p.group.glyph.name)) continue;
    const distance = (u.valToPos(p.t, 'x') - left) ** 2 + (u.valToPos(p.ms, 'y') - top) ** 2;
    if (distance < best) [best, found] = [distance, p];
  }
  return found;
}

function legend(place: HTMLElement | null, groups: readonly Group[], theme: Theme, redraw: () => void): void {
  place?.replaceChildren(
    ...groups.map(({ glyph, t, of }) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.title = 'Show or hide';
      const press = (): void => button.setAttribute('aria-pressed', String(!hidden.has(glyph.name)));
      const count = of === t.length ? `${of}` : `${t.length} of ${of}`;
      button.append(glyphCanvas(glyph.shape, theme.color(glyph.color)), ` ${glyph.name} (${count})`);
      button.addEventListener('click', () => {
        if (!hidden.delete(glyph.name)) hidden.add(glyph.name);
        press();
        redraw();
      });
      press();
      const item = legendEntry(document.createElement('span'), '');
      item.replaceChildren(button);
      return item;
    }),
  );
}
