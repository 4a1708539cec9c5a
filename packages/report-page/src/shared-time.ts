/** One stretch of time for all charts of a run: what one is zoomed to, all are. */
import type uPlot from 'uplot';

/** Keeps the charts of one run at the same stretch. */
export class SharedTime {
  readonly #charts = new Set<uPlot>();
  readonly #whole: { readonly min: number; readonly max: number };
  #now: { min: number; max: number };
  #busy = false;

  constructor(durationMs: number) {
    this.#whole = { min: 0, max: durationMs };
    this.#now = { ...this.#whole };
  }

  /** Scale options for a chart that takes part. */
  get scale(): uPlot.Scale {
    return { time: false, range: (_u, min, max) => (min === null || max === null ? [0, this.#whole.max] : [min, max]) };
  }

  /** Takes a chart in: zoom by dragging, by keys and by the others. */
  add(chart: uPlot): void {
    this.#charts.add(chart);
    chart.setScale('x', this.#now);
    const over = chart.over;
    over.tabIndex = 0;
    over.addEventListener('keydown', (event) => {
      const span = this.#now.max - this.#now.min;
      const to = KEYS[event.key]?.(this.#now, span);
      if (event.key === '0' || event.key === 'Escape') this.show(this.#whole);
      else if (to) this.show(to);
      else return;
      event.preventDefault();
    });
    over.addEventListener('dblclick', () => this.show(this.#whole));
  }

  /** Called by each chart whose scale changed. */
  changed(chart: uPlot): void {
    const { min, max } = chart.scales.x ?? {};
    if (
      this.#busy ||
      !this.#charts.has(chart) ||
      min === undefined ||
      max === undefined ||
      min === null ||
      max === null
    )
      return;
    if (min !== this.#now.min || max !== this.#now.max) this.show({ min, max });
  }

  /** The whole run. */
  reset(): void {
    this.show(this.#whole);
  }

  /** Shows a stretch on all charts, within the run and never shorter than a millisecond. */
  show(to: { readonly min: number; readonly max: number }): void {
    const span = Math.min(this.#whole.max, Math.max(1, to.max - to.min));
    const min = Math.min(Math.max(0, to.min), this.#whole.max - span);
    this.#now = { min, max: min + span };
    this.#busy = true;
    for (const chart of this.#charts) chart.setScale('x', this.#now);
    this.#busy = false;
  }
}

const KEYS: Readonly<
  Record<string, (now: { min: number; max: number }, span: number) => { min: number; max: number }>
> = {
  '+': (now, span) => ({ min: now.min + span / 4, max: now.max - span / 4 }),
  '=': (now, span) => ({ min: now.min + span / 4, max: now.max - span / 4 }),
  '-': (now, span) => ({ min: now.min - span / 2, max: now.max + span / 2 }),
  ArrowLeft: (now, span) => ({ min: now.min - span / 5, max: now.max - span / 5 }),
  ArrowRight: (now, span) => ({ min: now.min + span / 5, max: now.max + span / 5 }),
};
