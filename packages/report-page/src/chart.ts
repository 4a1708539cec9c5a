/** What all charts share: where they stand, how wide they are, axes, legends. */
import type uPlot from 'uplot';
import type { Theme } from './theme.ts';

/** The place of a chart in the page. */
export interface Place {
  readonly figure: HTMLElement;
  readonly plot: HTMLElement;
  readonly legend: HTMLElement | null;
}

/** Finds the figure of a chart; undefined when the page has none. */
export function placeOf(name: string): Place | undefined {
  const figure = document.querySelector<HTMLElement>(`figure[data-chart="${name}"]`);
  const plot = figure?.querySelector<HTMLElement>('.plot');
  if (!figure || !plot) return undefined;
  plot.replaceChildren();
  return { figure, plot, legend: figure.querySelector<HTMLElement>('.legend') };
}

/** Says on the figure how much was drawn: tests read it, and so may people. */
export function drawn(place: Place, points: number): void {
  place.figure.dataset.points = String(points);
}

/** Width for a chart in CSS pixels. */
export function widthOf(place: Place): number {
  return Math.max(280, Math.floor(place.plot.clientWidth));
}

/** Left gutter of the charts over time: the same, so that instants are above each other. */
export const GUTTER = 128;

/** Left gutter on a narrow screen. */
export const NARROW_GUTTER = 116;

/** Room for an axis' name. */
const LABEL = 20;

/** Size of the left axis of a chart over time, with or without a name. */
export function gutterOf(place: Place, named: boolean): number {
  return (widthOf(place) < 600 ? NARROW_GUTTER : GUTTER) - (named ? LABEL : 0);
}

/** An axis in the page's colours. */
export function axis(theme: Theme, options: uPlot.Axis): uPlot.Axis {
  const font = `12px ${theme.font}`;
  return {
    stroke: theme.dim,
    font,
    labelFont: font,
    labelSize: LABEL,
    grid: { stroke: theme.grid, width: 1 },
    ticks: { stroke: theme.grid, width: 1, size: 5 },
    ...options,
  };
}

/** Labels of a logarithmic axis: 1, 2 and 5 times a power of ten, as far as there is room: uPlot has null in place of one there is none for. */
export function logLabels(_u: uPlot, splits: readonly (number | null)[]): (string | null)[] {
  return splits.map((v) => {
    if (v === null) return null;
    const text = String(Number(v.toPrecision(3)));
    return /^(0\.0*)?[125]0*(\.0+)?$/.test(text) ? text : null;
  });
}

/** Instants, ms, as the axis says them. */
export function seconds(ms: number, digits = 1): string {
  return `${(ms / 1000).toFixed(digits)} s`;
}

/** The time axis of the charts of one run. */
export function timeAxis(theme: Theme): uPlot.Axis {
  return axis(theme, {
    space: 70,
    size: 30,
    values: (_u, splits) => {
      const step = (splits[1] ?? 0) - (splits[0] ?? 0);
      const digits = step >= 1000 ? 0 : step >= 100 ? 1 : step >= 10 ? 2 : 3;
      return splits.map((ms) => seconds(ms, digits));
    },
  });
}

/** Paints a text with the page's colours so that it can be read on anything; returns its width. */
export function label(
  context: CanvasRenderingContext2D,
  theme: Theme,
  text: string,
  x: number,
  y: number,
  options: { readonly align?: CanvasTextAlign; readonly color?: string } = {},
): number {
  context.font = `${12 * devicePixelRatio}px ${theme.font}`;
  context.textBaseline = 'middle';
  context.textAlign = options.align ?? 'left';
  context.lineWidth = 4 * devicePixelRatio;
  context.lineJoin = 'round';
  context.strokeStyle = theme.surface;
  context.strokeText(text, x, y);
  context.fillStyle = options.color ?? theme.text;
  context.fillText(text, x, y);
  return context.measureText(text).width;
}

/** One entry of a legend: a sign and its meaning. */
export function legendEntry(sign: HTMLElement, text: string): HTMLLIElement {
  const item = document.createElement('li');
  item.append(sign, ` ${text}`);
  return item;
}

/** A line as a legend's sign. */
export function lineSign(color: string, dashed: boolean): HTMLElement {
  const sign = document.createElement('span');
  sign.className = 'line';
  sign.style.borderTop = `3px ${dashed ? 'dashed' : 'solid'} ${color}`;
  return sign;
}
