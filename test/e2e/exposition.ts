/** Reads Prometheus' text format, as far as the lab's processes use it. */

/** One line with a value. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What a process answered. */
export class Exposition {
  /** Name of the metric -> its type and help. */
  readonly families: ReadonlyMap<string, { readonly type: string; readonly help: string }>;
  readonly samples: readonly Sample[];

  constructor(text: string) {
    const lines = text.split('\n');
    const told = (what: string): Map<string, string> =>
      new Map(
        lines.flatMap((line) => {
          const [hash, word, name = '', ...rest] = line.split(' ');
          return hash === '#' && word === what ? [[name, rest.join(' ')] as const] : [];
        }),
      );
    const help = told('HELP');
    this.families = new Map([...told('TYPE')].map(([name, type]) => [name, { type, help: help.get(name) ?? '' }]));
    this.samples = lines.flatMap((line) => {
      const [, name = '', labels = '', value = ''] = /^([a-z_:][\w:]*)(?:\{(.*)\})? (\S+)$/i.exec(line) ?? [];
      return name === '' ? [] : [{ name, labels: readLabels(labels), value: Number(value) }];
    });
  }

  /** The sum of the samples of a name that have these labels, whatever others they have. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.samples
      .filter((s) => s.name === name && Object.entries(labels).every(([k, v]) => s.labels[k] === v))
      .reduce((sum, s) => sum + s.value, 0);
  }
}

function readLabels(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name = '', value = '']) => [name, value]),
  );
}

const NOT_METRICS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'by', 'without', 'on', 'ignoring']);

/** Names of the series an expression of PromQL reads, as far as the dashboards use the language. */
export function seriesOf(expression: string): string[] {
  const bare = expression
    .replace(/"[^"]*"/g, '')
    .replace(/\{[^}]*\}/g, '')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\b(by|without|on|ignoring)\s*\([^)]*\)/g, '');
  return [...bare.matchAll(/\b([a-zA-Z_:][\w:]*)\b(?!\s*\()/g)].flatMap(([, name = '']) =>
    NOT_METRICS.has(name) ? [] : [name],
  );
}
