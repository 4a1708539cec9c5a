/**
 * The HTML report in a real browser: Debian's chromium through playwright-core. Where there is none the tests are skipped, and say so.
 * SVCLAB_SCREENSHOT=FOLDER also renders the report in that folder, which svclab run wrote, and writes docs/report.png for the README.
 */
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readReport } from '../../packages/lab/src/report/read-report.ts';
import { writeReports } from '../../packages/lab/src/report/write-reports.ts';
import { exampleReport } from './example-report.ts';

/** A browser on PATH, or the one SVCLAB_CHROMIUM names. */
function findChromium(): string | undefined {
  const paths = (process.env.PATH ?? '').split(delimiter);
  const candidates = paths.flatMap((dir) => ['chromium', 'chromium-browser', 'google-chrome'].map((n) => join(dir, n)));
  return [process.env.SVCLAB_CHROMIUM ?? '', ...candidates].find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return path !== '';
    } catch {
      return false;
    }
  });
}

const executablePath = findChromium();
if (executablePath === undefined)
  process.stderr.write(
    'No chromium on PATH: the HTML report is not tested in a browser (apt-get install chromium, or set SVCLAB_CHROMIUM)\n',
  );

const dir = mkdtempSync(join(tmpdir(), 'svclab-page-'));
/** The browser shares the machine with other tests. */
const SOON = { timeout: 30_000 };

const CHARTS = ['latency', 'rate', 'lanes', 'phases', 'ecdf', 'percentiles'];

/** A page with what it said and asked for. */
interface Opened {
  readonly page: Page;
  readonly said: string[];
  readonly asked: string[];
}

describe.skipIf(executablePath === undefined)('the HTML report in a browser', () => {
  let browser: Browser;
  const files: Record<string, string> = {};
  beforeAll(async () => {
    for (const [name, runs] of [
      ['many', 30],
      ['one', 1],
    ] as const) {
      const at = join(dir, name);
      const report = exampleReport({ runs, seed: 7, dir: at, bad: runs === 1 });
      files[name] = writeReports(at, report).find((f) => f.endsWith('.html')) ?? '';
    }
    browser = await chromium.launch({ executablePath: executablePath ?? '', args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(dir, { recursive: true });
  });

  async function open(name: string, options: { scheme?: 'light' | 'dark'; width?: number } = {}): Promise<Opened> {
    const page = await browser.newPage({
      viewport: { width: options.width ?? 1200, height: 900 },
      colorScheme: options.scheme ?? 'light',
      deviceScaleFactor: 1,
    });
    const said: string[] = [];
    const asked: string[] = [];
    page.on('console', (m) => said.push(`${m.type()}: ${m.text()}`));
    page.on('pageerror', (e) => said.push(`error: ${e.message}`));
    const url = pathToFileURL(resolve(files[name] ?? '')).href;
    page.on('request', (r) => {
      if (r.url() !== url) asked.push(r.url());
    });
    await page.goto(url);
    return { page, said, asked };
  }

  /** Points a chart says it drew, and pixels of its canvas that are not empty; svg charts have no canvas. */
  const drawnOf = (page: Page, chart: string) =>
    page.evaluate((name) => {
      const figure = document.querySelector<HTMLElement>(`figure[data-chart="${name}"]`);
      const canvas = figure?.querySelector<HTMLCanvasElement>('.plot canvas');
      const pixels = canvas?.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data;
      let painted = 0;
      if (pixels) for (let i = 3; i < pixels.length; i += 4) if (pixels[i] !== 0) painted++;
      return {
        points: Number(figure?.dataset.points),
        painted: canvas ? painted : (figure?.querySelectorAll('svg.phases rect.phase').length ?? 0),
      };
    }, chart);

  it.each(['light', 'dark'] as const)('draws every chart, says nothing, asks for nothing: %s', async (scheme) => {
    const { page, said, asked } = await open('many', { scheme });
    for (const chart of CHARTS) {
      const { points, painted } = await drawnOf(page, chart);
      expect(points, chart).toBeGreaterThan(10);
      expect(painted, chart).toBeGreaterThan(100);
    }
    expect(said).toEqual([]);
    expect(asked).toEqual([]);
    const { back, text } = await page.evaluate(() => {
      const style = getComputedStyle(document.body);
      return { back: style.backgroundColor, text: style.color };
    });
    expect(brightness(back) > brightness(text)).toBe(scheme === 'light');
    await page.close();
  });

  it('follows the scheme when it changes', async () => {
    const { page } = await open('many');
    const sample = () =>
      page.evaluate(() =>
        document.querySelector<HTMLCanvasElement>('figure[data-chart="rate"] .plot canvas')?.toDataURL(),
      );
    const light = await sample();
    await page.emulateMedia({ colorScheme: 'dark' });
    await expect.poll(sample, SOON).not.toBe(light);
    await page.close();
  });

  it('shows no text of a chart on another, and nothing wider than the page, on a narrow screen too', async () => {
    for (const width of [1200, 420]) {
      const { page, said } = await open('many', { width });
      const wider = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(wider, `at ${width}`).toBe(0);
      expect(said).toEqual([]);
      await page.close();
    }
  });

  it('shows another run, zooms by keyboard on all charts of the run, and back', async () => {
    const { page, said } = await open('many');
    const sample = (chart: string) =>
      page.evaluate(
        (name) => document.querySelector<HTMLCanvasElement>(`figure[data-chart="${name}"] .plot canvas`)?.toDataURL(),
        chart,
      );
    const [before, lanes] = [await sample('latency'), await sample('lanes')];
    await page.locator('figure[data-chart="latency"] .u-over').focus();
    await page.keyboard.press('+');
    await expect.poll(() => sample('latency'), SOON).not.toBe(before);
    await expect.poll(() => sample('lanes'), SOON).not.toBe(lanes);
    await page.keyboard.press('0');
    await expect.poll(() => sample('lanes'), SOON).toBe(lanes);
    await page.selectOption('#shown-run', '0');
    await expect.poll(() => sample('latency'), SOON).not.toBe(before);
    expect(said).toEqual([]);
    await page.close();
  });

  it('hides an outcome by its legend, by keyboard', async () => {
    const { page } = await open('one');
    const button = page.locator('#outcomes button').first();
    await button.focus();
    await page.keyboard.press('Enter');
    expect(await button.getAttribute('aria-pressed')).toBe('false');
    await page.keyboard.press('Enter');
    expect(await button.getAttribute('aria-pressed')).toBe('true');
    await page.close();
  });

  it('tells what is under the pointer', async () => {
    const { page } = await open('one');
    const over = page.locator('figure[data-chart="lanes"] .u-over');
    await over.scrollIntoViewIfNeeded();
    const box = await over.boundingBox();
    if (!box) throw new Error('The chart of lanes has no box');
    await page.mouse.move(box.x + box.width * 0.5, box.y + 10);
    await expect.poll(() => page.locator('#told').textContent(), SOON).toContain('faults: kill node/node-3');
    await page.close();
  });

  it('leaves out the distribution of a single run and says how to get one', async () => {
    const { page, said } = await open('one');
    expect(await page.locator('figure[data-chart="ecdf"]').count()).toBe(0);
    expect(await page.locator('#spread').textContent()).toContain('--repeat 30');
    expect(await page.locator('#checks').textContent()).toContain('node-3 still answers for 172.30.0.200');
    expect(said).toEqual([]);
    await page.close();
  });

  it('prints: light, without controls, charts as wide as the paper', async () => {
    const { page } = await open('many', { scheme: 'dark' });
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    expect(await page.locator('.controls').isVisible()).toBe(false);
    const back = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    expect(brightness(back)).toBeGreaterThan(200);
    const pdf = await page.pdf({ format: 'A4', printBackground: true });
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
    expect(pdf.length).toBeGreaterThan(20_000);
    await page.close();
  });

  const photographed = process.env.SVCLAB_SCREENSHOT ?? '';
  it.runIf(photographed !== '')('is photographed for the README', async () => {
    files.photographed =
      writeReports(photographed, readReport(photographed).report).find((f) => f.endsWith('.html')) ?? '';
    const { page } = await open('photographed');
    const path = resolve('docs/report.png');
    await page.setViewportSize({ width: 1100, height: 1440 });
    // The sentence and the run; the tables between them are text.
    await page.evaluate(() => document.getElementById('cost')?.remove());
    await page.screenshot({ path });
    expect(readFileSync(path).length).toBeLessThan(300_000);
    await page.close();
  });
});

/** Mean of the channels of `rgb(r, g, b)`. */
function brightness(color: string): number {
  const channels = (color.match(/\d+/g) ?? []).slice(0, 3).map(Number);
  return channels.reduce((a, b) => a + b, 0) / channels.length;
}
