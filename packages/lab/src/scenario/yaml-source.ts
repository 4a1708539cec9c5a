/** A YAML file that still knows where each field stands, so that messages can name the line. */
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { badInput } from '../state/errors.ts';

/** Path of a field: keys and list positions. */
export type FieldPath = readonly PropertyKey[];

/** A parsed file. */
export interface YamlSource {
  readonly value: unknown;
  /** `FILE:LINE:COLUMN` of a field, of its nearest parent when it is missing; the file alone when nothing is known. */
  where(path: FieldPath): string;
}

/** Parses YAML. Fails with a LabError (bad input) that names the place. */
export function yamlSource(text: string, file: string): YamlSource {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [error] = document.errors;
  if (error) {
    const at = error.linePos?.[0];
    throw badInput(
      `Scenario ${file}${at ? `:${at.line}:${at.col}` : ''} cannot be read: ${error.message.split('\n')[0]?.replace(/ at line .*$/, '')}`,
    );
  }
  return {
    value: document.toJS(),
    where(path) {
      for (let n = path.length; n > 0; n--) {
        const parent = document.getIn(path.slice(0, n - 1), true);
        const key = isMap(parent)
          ? parent.items.find((i) => isScalar(i.key) && i.key.value === path[n - 1])?.key
          : undefined;
        const node = (key ?? document.getIn(path.slice(0, n), true)) as { range?: readonly number[] } | undefined;
        const offset = node?.range?.[0];
        if (offset === undefined) continue;
        const { line, col } = lines.linePos(offset);
        return `${file}:${line}:${col}`;
      }
      return file;
    },
  };
}
