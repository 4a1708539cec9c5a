/** The dark time of each run, stacked by phase, as SVG: it needs no script and prints as sharp as text. */
import { round, speakMs } from '@svclab/core';
import type { RunReport } from '../model.ts';
import { phaseName } from '../rows.ts';
import { html } from './markup.ts';

const WIDTH = 960;
const LEFT = 64;
const RIGHT = 84;
const AXIS = 34;

/** Ends of the axis' steps that people like. */
function niceStep(max: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(max, 1) / 5));
  return [1, 2, 5, 10].map((f) => f * power).find((s) => max / s <= 6) ?? 10 * power;
}

/** One bar a run; parts differ in colour and in hatching. Empty when nothing was dark. */
export function phasesChart(report: RunReport): string {
  const phases = Object.keys(report.phases_ms);
  const max = Math.max(0, ...report.runs.map((r) => r.dark_ms.new));
  if (phases.length === 0 || max === 0) return '';
  const step = niceStep(max);
  const end = Math.ceil(max / step) * step;
  const bar = Math.max(6, Math.min(26, Math.floor(460 / report.runs.length)));
  const gap = bar > 12 ? 6 : 2;
  const height = report.runs.length * (bar + gap);
  const x = (ms: number): number => round(LEFT + (ms / end) * (WIDTH - LEFT - RIGHT), 2);
  const every = Math.ceil(14 / (bar + gap));
  const ticks = Array.from({ length: Math.round(end / step) + 1 }, (_, i) => i * step);
  const bars = report.runs.map((r, i) => {
    const y = i * (bar + gap);
    let at = 0;
    const parts = phases.map((phase, p) => {
      const ms = r.phases_ms[phase] ?? 0;
      const from = x(at);
      at += ms;
      const width = round(x(at) - from, 2);
      if (width <= 0) return '';
      const where = `x="${from}" y="${y}" width="${width}" height="${bar}"`;
      return `<g><title>Run ${r.run}: ${html(phaseName(phase))} ${speakMs(ms)}</title><rect class="phase p${p % 6}" ${where}/><rect fill="url(#hatch${p % 6})" ${where}/></g>`;
    });
    const label =
      i % every === 0
        ? `<text x="${LEFT - 8}" y="${y + bar / 2}" class="end">run ${r.run}</text><text x="${x(at) + 8}" y="${y + bar / 2}">${speakMs(r.dark_ms.new)}</text>`
        : '';
    return parts.join('') + label;
  });
  const legend = phases
    .map(
      (phase, p) =>
        `<li><svg width="18" height="14" aria-hidden="true"><rect class="phase p${p % 6}" width="18" height="14"/><rect fill="url(#hatch${p % 6})" width="18" height="14"/></svg> ${html(phaseName(phase))}, median ${speakMs(report.phases_ms[phase]?.p50 ?? 0)}</li>`,
    )
    .join('');
  return `<figure class="chart" data-chart="phases" data-points="${report.runs.length * phases.length}"><figcaption>Dark time of new connections by phase, ms, ± ${report.dark_ms.new.error} ms each</figcaption>
<ul class="legend">${legend}</ul>
<svg class="phases" viewBox="0 0 ${WIDTH} ${height + AXIS}" role="img" aria-label="Stacked bars: the phases of the dark time of each run; the table below holds the figures">
<defs>${HATCHES}</defs>
${ticks.map((t) => `<line class="grid" x1="${x(t)}" x2="${x(t)}" y1="0" y2="${height}"/><text x="${x(t)}" y="${height + 14}" class="mid">${t}${t === end ? ' ms' : ''}</text>`).join('')}
${bars.join('\n')}
</svg></figure>`;
}

/** Hatching, so that phases differ without colour as well. */
const HATCHES = [
  '',
  '<path d="M0 8L8 0" class="hatch"/>',
  '<path d="M0 0L8 8" class="hatch"/>',
  '<path d="M4 0V8" class="hatch"/>',
  '<path d="M0 4H8" class="hatch"/>',
  '<circle cx="4" cy="4" r="1.5" class="dot"/>',
]
  .map((path, i) => `<pattern id="hatch${i}" width="8" height="8" patternUnits="userSpaceOnUse">${path}</pattern>`)
  .join('');
