/** The sweep as one HTML file that needs nothing else: no script, and no request leaves it. */
import { html, htmlTable, section } from '../report/html/markup.ts';
import type { SweepReport } from './model.ts';
import { sweepChart } from './sweep-chart.ts';
import { SWEEP_COLUMNS, sweepNotes, sweepRows } from './sweep-text.ts';

/** What the page adds to the style of reports. */
const STYLE = `
svg.sweep { display: block; width: 100%; height: auto; font: 13px system-ui, "Liberation Sans", "DejaVu Sans", sans-serif; }
svg.sweep text { fill: var(--text); }
svg.sweep text.dim { fill: var(--dim); }
svg.sweep text.mid { text-anchor: middle; }
svg.sweep text.end { text-anchor: end; fill: var(--dim); font-size: 12px; }
svg.sweep line.grid { stroke: var(--grid); }
svg.sweep rect.light { fill: var(--p3); fill-opacity: 0.35; stroke: var(--ok-new); stroke-width: 1; }
svg.sweep rect.full { fill: var(--ok-new); }
svg.sweep rect.full.false { fill: var(--timeout); }
svg.sweep rect.full.cpu { fill: var(--p2); }
svg.sweep rect.full.lan { fill: var(--p4); }
`;

/** The page. `style`: that of reports. */
export function sweepHtml(report: SweepReport, style: string): string {
  const { environment: e } = report;
  const columns = SWEEP_COLUMNS.map((head, i) => ({
    // Sentence case; what is an abbreviation or a unit stays.
    head: head.replace(/^[A-Z]{4,}|(?<= )[A-Z]{4,}|P\d+/g, (word, at: number) =>
      at === 0 ? word.charAt(0) + word.slice(1).toLowerCase() : word.toLowerCase(),
    ),
    figures: i > 0 && head !== 'VERDICT',
  }));
  const rows = sweepRows(report).map((row, i) => {
    const point = report.points[i];
    const [label = '', ...rest] = row.map(html);
    const link = point?.dark_ms
      ? `<a href="${html(encodeURI(point.report).replace(/report\.json$/, 'report.html'))}">${label}</a>`
      : label;
    return [link, ...rest];
  });
  const notes = sweepNotes(report)
    .map((n) => `<li>${html(n)}</li>`)
    .join('');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="svclab ${html(e.svclab)}">
<title>${html(report.title)}</title>
<style>${`${style}${STYLE}`.replace(/<\/(style)/gi, '<\\/$1')}</style>
</head>
<body>
<header>
<p class="kicker">${html(report.title)}</p>
<h1>${html(report.sentence)}</h1>
<p class="dim">${report.repeats} run${report.repeats === 1 ? '' : 's'} a value, seed ${report.seed}; ${e.nodes} nodes, profile ${html(e.profile)}, driver ${html(e.driver)}, ${e.cpus} CPUs.</p>
</header>
<main>
${section('chart', 'Recovery against cost', sweepChart(report))}
${section('figures', 'Figures', htmlTable(columns, rows, 'Each value; times in ms'))}
${section('notes', 'Notes', notes === '' ? '' : `<ul>${notes}</ul>`)}
${section('again', 'Do it again', `<pre><code>${html(report.command)}</code></pre><p class="dim">svclab ${html(e.svclab)}, Node.js ${html(e.node)}, kernel ${html(e.kernel)}; ${html(report.started_at)} to ${html(report.finished_at)}. Raw data: <a href="sweep.json">sweep.json</a> and the folder of each value.</p>`)}
</main>
</body>
</html>
`;
}
