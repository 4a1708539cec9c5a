/** Colours from the page's style sheet, so that charts follow light, dark and print. */

/** What charts are painted with. */
export interface Theme {
  readonly text: string;
  readonly dim: string;
  readonly grid: string;
  readonly surface: string;
  readonly font: string;
  /** The colour of a custom property, `--ok-new`. */
  color(name: string): string;
}

/** Reads the colours that hold now. */
export function readTheme(): Theme {
  const style = getComputedStyle(document.body);
  const color = (name: string): string => style.getPropertyValue(name).trim() || style.color;
  return {
    text: color('--text'),
    dim: color('--dim'),
    grid: color('--grid'),
    surface: color('--surface'),
    font: style.fontFamily,
    color,
  };
}
