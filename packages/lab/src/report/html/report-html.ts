/** The report as one HTML file that needs nothing else: no request leaves it, and it holds its own licence notices. */
import { createHash } from 'node:crypto';
import { speakMs } from '@svclab/core';
import type { PageData } from '@svclab/report-page';
import type { RunReport } from '../model.ts';
import { medianRun, runsText, VERDICT_WORDS } from '../rows.ts';
import { html, scriptJson, section } from './markup.ts';
import { phasesChart } from './phases-chart.ts';
import {
  answersBars,
  besideTable,
  boundsTable,
  casesTable,
  checksList,
  dnsTable,
  doubtsList,
  expectationsTable,
  figuresTable,
  latencyTable,
  outageTable,
  reproduce,
  stepsList,
  stretchesTable,
} from './sections.ts';

/** The page's own program and style, built by scripts/build.mjs. */
export interface PageAssets {
  readonly script: string;
  readonly style: string;
}

/** The HTML of a report. */
export function reportHtml(report: RunReport, data: PageData, assets: PageAssets): string {
  // The element must end where it is meant to, whatever a comment in the script says.
  const script = assets.script.replace(/<\/(script)/gi, '<\\/$1');
  const hash = createHash('sha256').update(script).digest('base64');
  // Only this very script may run, and nothing may be fetched.
  const policy = `default-src 'none'; script-src 'sha256-${hash}'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="svclab ${html(report.environment.svclab)}">
<title>${html(report.title)}: ${VERDICT_WORDS[report.verdict]}</title>
<style>${assets.style.replace(/<\/(style)/gi, '<\\/$1')}</style>
</head>
<body>
${body(report, data)}
<script type="application/json" id="data">${scriptJson(data)}</script>
<script>${script}</script>
</body>
</html>
`;
}

function body(report: RunReport, data: PageData): string {
  const shown = medianRun(report);
  const which = report.runs.length > 1 ? ' (median run)' : '';
  return `<header>
<p class="kicker">${html(report.title)} <span class="verdict ${report.verdict}">${VERDICT_WORDS[report.verdict]}</span></p>
<h1>${html(report.sentence)}</h1>
<p class="dim">${html(report.description)}${report.description === '' ? '' : ' '}${runsText(report)}, seed ${report.seed}; every time is good to ± ${speakMs(report.dark_ms.new.error)}; steady state lost ${report.baseline.lost} of ${report.baseline.sent} requests.</p>
${doubtsList(report)}
</header>
<main>
${section('cost', 'What it cost', figuresTable(report) + casesTable(report) + expectationsTable(report))}
${section('run', 'What the traffic felt', runCharts(data))}
${section('phases', 'Where the time went', phasesChart(report) + boundsTable(report))}
${section('spread', 'How it spreads', `<div class="columns">${ecdfChart(data)}${percentileChart()}</div>`)}
${section('outage', 'Before, during, after', `<div class="columns"><div>${latencyTable(shown, which)}${stretchesTable(shown, which)}</div>${outageTable(shown, which)}</div>${besideTable(shown, which)}${dnsTable(shown, which)}`)}
${section('answers', 'Who answered', `<div class="columns">${answersBars(report)}</div>`)}
${section('checks', 'What was checked', checksList(report))}
${section('steps', 'What was done', stepsList(report, shown))}
${section('again', 'Do it again', reproduce(report))}
</main>
<noscript><p class="doubt">The charts need the script in this file; every figure is in the tables.</p></noscript>`;
}

const EMPTY = '<div class="plot"></div>';

function runCharts(data: PageData): string {
  const options = data.runs
    .map((r, i) => `<option value="${i}"${i === data.shown ? ' selected' : ''}>${html(r.label)}</option>`)
    .join('');
  return `<p class="controls">${data.runs.length > 1 ? `<label>Shown: <select id="shown-run">${options}</select></label> ` : ''}<button type="button" id="whole">Whole run</button>
<span class="dim">Drag to look closer. On a chart: + and − zoom, ← and → move, 0 shows the whole run.</span></p>
<figure class="chart" data-chart="latency"><figcaption>Each request: when it was due, how long until its fate was known, ms</figcaption><ul class="legend" id="outcomes"></ul>${EMPTY}</figure>
<figure class="chart" data-chart="rate"><figcaption>Requests a second, by the time they were due</figcaption><ul class="legend"></ul>${EMPTY}</figure>
<figure class="chart" data-chart="lanes"><figcaption>What each component did</figcaption><ul class="legend"></ul>${EMPTY}</figure>
<p id="told" class="told" role="status" aria-live="polite"></p>`;
}

function ecdfChart(data: PageData): string {
  return data.ecdf === null
    ? '<p class="dim">Too few runs for a distribution: with <code>--repeat 30</code> the share of runs by dark time stands here.</p>'
    : `<figure class="chart" data-chart="ecdf"><figcaption>Share of runs with at most this dark time, %</figcaption><ul class="legend"></ul>${EMPTY}</figure>`;
}

function percentileChart(): string {
  return `<figure class="chart" data-chart="percentiles"><figcaption>Latency of answered requests by percentile, ms, all runs</figcaption><ul class="legend"></ul>${EMPTY}</figure>`;
}
