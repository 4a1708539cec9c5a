/** The parts of the page that are text and tables: readable without the script. */
import { round, speakMs } from '@svclab/core';
import type { RunReport, RunResult } from '../model.ts';
import {
  CASE_HEADS,
  caseRows,
  checkSummaries,
  checkWords,
  counted,
  doubts,
  environmentText,
  figureRows,
  phaseName,
  runsText,
  speak,
} from '../rows.ts';
import { html, htmlTable, verdictMark } from './markup.ts';

/** Every distribution. */
export function figuresTable(report: RunReport): string {
  const many = report.runs.length > 1;
  return htmlTable(
    [
      { head: many ? runsText(report) : '' },
      { head: many ? 'median' : 'found', figures: true },
      ...(many ? ['p95', 'max', 'mean', '95 % interval of the median'].map((head) => ({ head, figures: true })) : []),
      { head: 'error', figures: true },
    ],
    figureRows(report).map(({ name, unit, figures: d }) => [
      html(name),
      speak(d.p50, unit),
      ...(many
        ? [
            speak(d.p95, unit),
            speak(d.max, unit),
            speak(round(d.mean), unit),
            `${speak(d.ci95[0], unit)} to ${speak(d.ci95[1], unit)}`,
          ]
        : []),
      d.error === 0 ? '' : `± ${speakMs(d.error)}`,
    ]),
    'Dark time and losses',
  );
}

/** The cases side by side; empty when there are none. */
export function casesTable(report: RunReport): string {
  return htmlTable(
    CASE_HEADS.map((head, i) => ({ head, figures: i > 0 })),
    caseRows(report).map((row) => row.map(html)),
    'Side by side',
  );
}

/** Expectations with what was found. */
export function expectationsTable(report: RunReport): string {
  return htmlTable(
    [{ head: 'expectation' }, { head: 'found', figures: true }, { head: 'verdict' }],
    report.expectations.map((e) => [
      `<code>${html(e.expr)}</code>`,
      e.value === null ? 'not in the report' : html(String(e.value)),
      verdictMark(e.held),
    ]),
    'Expectations',
  );
}

/** Why runs prove nothing. */
export function doubtsList(report: RunReport): string {
  const items = doubts(report).map((d) => `<li>${html(d.reason)} (run ${d.runs.join(', ')})</li>`);
  return items.length === 0 ? '' : `<div class="doubt"><strong>Inconclusive.</strong><ul>${items.join('')}</ul></div>`;
}

/** Each phase with the knob that bounds it. */
export function boundsTable(report: RunReport): string {
  return htmlTable(
    [{ head: 'phase' }, { head: 'took', figures: true }, { head: 'knob' }, { head: 'bound' }, { head: 'turning it' }],
    report.phase_bounds.map((b) => [
      html(phaseName(b.phase)),
      speakMs(b.ms),
      b.knob === '' ? 'none' : `<code>${html(b.knob)}=${html(b.knob_value)}</code>`,
      html(b.bound),
      html(b.saves === '' ? 'nothing to be won' : b.saves),
    ]),
    `What bounds each phase${report.runs.length > 1 ? ' (median run)' : ''}`,
  );
}

/** Latency before, during and after the fault. `which`: said after the title of a table of one run of many. */
export function latencyTable(run: RunResult | undefined, which: string): string {
  if (!run) return '';
  const { latency_ms: l, baseline, lost } = run;
  const row = (name: 'before' | 'during' | 'after', losses: string): string[] => [
    name,
    `${l[name].p50} ms`,
    `${l[name].p99} ms`,
    losses,
  ];
  return htmlTable(
    [{ head: '' }, { head: 'p50', figures: true }, { head: 'p99', figures: true }, { head: 'lost', figures: true }],
    [
      row('before', `${baseline.lost} of ${baseline.sent}`),
      row('during', `${lost.new} new, ${lost.reused} reused`),
      row('after', run.failback ? `${run.failback.lost.new} new, ${run.failback.lost.reused} reused (return)` : ''),
    ],
    `Latency of answered new connections, from the planned send time${which}`,
  );
}

const OUTAGE_ROWS = [
  ['longest_gap_ms', 'longest gap between two successes'],
  ['loss_of_connectivity_ms', 'first loss to first success (loss of connectivity)'],
  ['loss_derived_ms', 'losses ÷ offered rate (loss-derived)'],
  ['rate_derived_ms', 'answers under 90 % of the offered rate (rate-derived)'],
  ['event_to_recovery_ms', 'event to rate over 90 % for good'],
  ['first_success_ms', 'event to first success'],
  ['full_recovery_ms', 'event to full recovery'],
  ['sustained_recovery_ms', 'event to sustained recovery'],
] as const;

/** The outage by every definition, both flows. */
export function outageTable(run: RunResult | undefined, which: string): string {
  if (!run) return '';
  const { outage } = run;
  const ms = (value: number | null): string => (value === null ? 'cannot be told' : speakMs(value));
  const classes = [...new Set([...Object.keys(outage.new.outcomes), ...Object.keys(outage.reused.outcomes)])];
  const of = (flow: 'new' | 'reused', outcome: string): string =>
    String((outage[flow].outcomes as Readonly<Record<string, number>>)[outcome] ?? 0);
  return htmlTable(
    [{ head: '' }, { head: 'new', figures: true }, { head: 'reused', figures: true }],
    [
      ...OUTAGE_ROWS.map(([key, name]) => [html(name), ms(outage.new[key]), ms(outage.reused[key])]),
      ...classes.map((c) => [`requests: ${html(c)}`, of('new', c), of('reused', c)]),
    ],
    `The outage by every definition, ± ${speakMs(outage.new.error_ms)}${which}`,
  );
}

const STRETCH_WORDS = { dark: 'dark', partial: 'some lost', clean: 'clean' } as const;

/** What a client sees on new connections after the fault: dark, some lost, clean. */
export function stretchesTable(run: RunResult | undefined, which: string): string {
  return htmlTable(
    [
      { head: '' },
      { head: 'from', figures: true },
      { head: 'to', figures: true },
      { head: 'sent', figures: true },
      { head: 'lost', figures: true },
      { head: 'share', figures: true },
    ],
    (run?.stretches ?? []).map((s) => [
      STRETCH_WORDS[s.phase],
      speakMs(s.from_ms),
      speakMs(s.to_ms),
      String(s.sent),
      String(s.lost),
      `${round(s.lost_share * 100)} %`,
    ]),
    `New connections after the fault, stretch by stretch${which}`,
  );
}

/** Targets measured beside the one under test. */
export function besideTable(run: RunResult | undefined, which: string): string {
  return htmlTable(
    [
      { head: 'way in' },
      { head: 'URL' },
      { head: 'dark, new', figures: true },
      { head: 'dark, reused', figures: true },
      { head: 'lost, new', figures: true },
      { head: 'lost, reused', figures: true },
    ],
    (run?.beside ?? []).map((b) => [
      html(b.name),
      `<code>${html(b.url)}</code>`,
      speakMs(b.dark_ms.new),
      speakMs(b.dark_ms.reused),
      String(b.lost.new),
      String(b.lost.reused),
    ]),
    `Measured beside it${which}`,
  );
}

/** Names that were looked up all along. */
export function dnsTable(run: RunResult | undefined, which: string): string {
  const counts = (of: Readonly<Record<string, number>>): string =>
    html(
      Object.entries(of)
        .map(([k, n]) => `${n} × ${k}`)
        .join(', '),
    );
  return htmlTable(
    [
      { head: 'name' },
      { head: 'sent', figures: true },
      { head: 'lost', figures: true },
      { head: 'longest gap', figures: true },
      { head: 'p50', figures: true },
      { head: 'p99', figures: true },
      { head: 'outcomes' },
      { head: 'answers' },
    ],
    (run?.dns ?? []).map((d) => [
      html(d.query),
      String(d.sent),
      String(d.lost),
      speakMs(d.longest_gap_ms),
      `${d.latency_ms.p50} ms`,
      `${d.latency_ms.p99} ms`,
      counts(d.outcomes),
      counts(d.answers),
    ]),
    `DNS${which}`,
  );
}

/** Answers by pod and by node, all runs together. */
export function answersBars(report: RunReport): string {
  const bars = (title: string, pick: (r: RunResult) => Readonly<Record<string, number>>): string => {
    const sums = new Map<string, number>();
    for (const run of report.runs) for (const [k, n] of Object.entries(pick(run))) sums.set(k, (sums.get(k) ?? 0) + n);
    const all = [...sums.values()].reduce((a, b) => a + b, 0);
    if (all === 0) return '';
    const rows = [...sums].sort(([a], [b]) => (a < b ? -1 : 1));
    return htmlTable(
      [{ head: title }, { head: 'answers', figures: true }, { head: 'share', figures: true }, { head: '' }],
      rows.map(([k, n]) => [
        html(k),
        String(n),
        `${round((n * 100) / all)} %`,
        `<span class="bar" style="width:${round((n * 100) / all)}%"></span>`,
      ]),
      `Answers by ${title}, ${counted(report.runs.length, 'run')}`,
    );
  };
  return bars('pod', (r) => r.answers.by_pod) + bars('node', (r) => r.answers.by_node);
}

/** Each checker with its finding; the shortest proof of a violation below it. */
export function checksList(report: RunReport): string {
  const items = checkSummaries(report).map((c) => {
    const figures = Object.entries(c.result.figures)
      .map(([k, v]) => `${html(k)} ${v}`)
      .join(', ');
    const evidence = htmlTable(
      [{ head: 'at', figures: true }, { head: 'what' }],
      c.result.evidence.map((e) => [`${e.at_ms} ms`, html(e.what)]),
      `Proof, run ${c.run.run}`,
    );
    return `<li>${verdictMark(c.fine, checkWords(c))} <strong>${html(c.check)}</strong>: ${html(c.result.finding)}${figures === '' ? '' : ` <span class="dim">(${figures})</span>`}${evidence}</li>`;
  });
  return items.length === 0 ? '' : `<ul class="checks">${items.join('\n')}</ul>`;
}

/** Steps and probes of every run, the shown one open. */
export function stepsList(report: RunReport, shown: RunResult | undefined): string {
  return report.runs
    .map((r) => {
      const steps = htmlTable(
        [
          { head: 'at', figures: true },
          { head: 'until', figures: true },
          { head: 'step' },
          { head: 'acted on' },
          { head: '' },
        ],
        r.steps.map((s) => [
          speakMs(s.at_ms),
          s.end_ms > s.at_ms ? speakMs(s.end_ms) : '',
          `<code>${html(s.what)}</code>`,
          html(s.resolved),
          `${s.ok ? '' : `${verdictMark(false)} `}${html(s.said)}`,
        ]),
        `Steps of run ${r.run}`,
      );
      const probes = htmlTable(
        [
          { head: 'at', figures: true },
          { head: 'probe' },
          { head: 'mode' },
          { head: 'found' },
          { head: 'tolerance' },
          { head: '' },
        ],
        r.probes.map((p) => [
          speakMs(p.at_ms),
          html(p.name),
          html(p.mode),
          html(p.value),
          html(p.tolerance),
          verdictMark(p.held),
        ]),
        `Probes of run ${r.run}`,
      );
      const files = r.files.map((f) => `<a href="${html(encodeURI(f))}">${html(f)}</a>`).join(', ');
      return `<details${r === shown ? ' open' : ''}><summary>Run ${r.run}${r.case === '' ? '' : ` (${html(r.case)})`}: ${html(r.sentence)}</summary>${steps}${probes}${notes(r)}<p>Raw data: ${files || 'none'}</p></details>`;
    })
    .join('\n');
}

function notes(r: RunResult): string {
  const all = [...r.inconclusive.map((n) => `Inconclusive: ${n}`), ...r.notes];
  return all.length === 0 ? '' : `<ul>${all.map((n) => `<li>${html(n)}</li>`).join('')}</ul>`;
}

/** How to make the report again, and what made it. */
export function reproduce(report: RunReport): string {
  return `<pre tabindex="0"><code>${html(report.command)}</code></pre>
<p>${html(environmentText(report))}. Seed ${report.seed}. ${html(report.started_at)} to ${html(report.finished_at)}.</p>
<p>All figures as data: <a href="report.json">report.json</a>.</p>`;
}
