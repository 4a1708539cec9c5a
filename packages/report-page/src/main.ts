/** The script of the HTML report: draws what the page's data holds, again when colours, width or the chosen run change. */
import type uPlot from 'uplot';
import { lanesChart } from './lanes-chart.ts';
import { latencyChart } from './latency-chart.ts';
import type { PageData } from './page-data.ts';
import { rateChart } from './rate-chart.ts';
import { SharedTime } from './shared-time.ts';
import { ecdfChart, percentileChart } from './spread-charts.ts';
import { readTheme } from './theme.ts';

const data = JSON.parse(document.getElementById('data')?.textContent ?? '{}') as PageData;
let shown = data.shown;
let charts: uPlot[] = [];
let time = new SharedTime(data.runs[shown]?.durationMs ?? 1);

function tell(text: string): void {
  const told = document.getElementById('told');
  if (told && told.textContent !== text) told.textContent = text;
}

function draw(): void {
  for (const chart of charts) chart.destroy();
  const theme = readTheme();
  const run = data.runs[shown];
  time = new SharedTime(run?.durationMs ?? 1);
  charts = [
    ...(run ? [latencyChart, rateChart, lanesChart].map((chart) => chart(run, theme, time, tell)) : []),
    ecdfChart(data, theme),
    percentileChart(data, theme),
  ].filter((chart) => chart !== undefined);
  document.body.dataset.drawn = String(charts.length);
}

const select = document.getElementById('shown-run');
if (select instanceof HTMLSelectElement)
  select.addEventListener('change', () => {
    shown = Number(select.value);
    draw();
  });
document.getElementById('whole')?.addEventListener('click', () => time.reset());

// Colours and width change with the theme and on paper.
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
matchMedia('print').addEventListener('change', draw);
addEventListener('beforeprint', draw);
addEventListener('afterprint', draw);
let width = document.documentElement.clientWidth;
addEventListener('resize', () => {
  if (document.documentElement.clientWidth === width) return;
  width = document.documentElement.clientWidth;
  draw();
});
draw();
