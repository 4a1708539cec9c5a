/** Field selectors. Source: k8s.io/apimachinery `pkg/fields/selector.go`. */
import { SelectorError } from './label-selector.ts';

/** One term: the field has, or has not, the value. */
export interface FieldTerm {
  readonly field: string;
  readonly equal: boolean;
  readonly value: string;
}

/** Parses `status.phase=Running,metadata.name!=a`. `\\,`, `\\=` and `\\\\` are literal. Fails with {@link SelectorError}. */
export function parseFieldSelector(text: string): readonly FieldTerm[] {
  if (text.trim() === '') return [];
  return splitTerms(text).map((term) => {
    const match = /^((?:\\.|[^=!\\])*?)(!=|==|=)((?:\\.|[^\\])*)$/s.exec(term.trim());
    if (!match) throw new SelectorError(`invalid selector: '${text}'; can't understand '${term}'`);
    return { field: match[1] ?? '', equal: match[2] !== '!=', value: unquote(match[3] ?? '') };
  });
}

function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let current = '';
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i] ?? '';
    if (c === '\\') {
      current += c + (text[i + 1] ?? '');
      i += 1;
    } else if (c === ',') {
      terms.push(current);
      current = '';
    } else current += c;
  }
  terms.push(current);
  return terms.filter((t) => t !== '');
}

const unquote = (text: string): string => text.replace(/\\([\\,=])/g, '$1');

/** True when all terms hold for the fields; a field that is not there counts as "". */
export function matchesFields(terms: readonly FieldTerm[], fields: Readonly<Record<string, string>>): boolean {
  return terms.every((t) => ((fields[t.field] ?? '') === t.value) === t.equal);
}
