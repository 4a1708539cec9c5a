/** Label selectors. Source of grammar and texts: k8s.io/apimachinery `pkg/labels/selector.go`, `pkg/apis/meta/v1/helpers.go`. */
import type { LabelSelector, StringMap } from '../../api/meta.ts';

/** One requirement: all of a selector's requirements must hold. */
export interface Requirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
  readonly values: readonly string[];
}

/** A selector text that cannot be parsed (HTTP 400). */
export class SelectorError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SelectorError';
  }
}

/** True when the labels meet every requirement; no requirement selects everything. */
export function matchesRequirements(requirements: readonly Requirement[], labels: StringMap = {}): boolean {
  return requirements.every((r) => holds(r, Object.hasOwn(labels, r.key) ? labels[r.key] : undefined));
}

function holds({ operator, values }: Requirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && /^-?\d+$/.test(value) && Number(value) > Number(values[0]);
    case 'Lt':
      return value !== undefined && /^-?\d+$/.test(value) && Number(value) < Number(values[0]);
  }
}

/** Requirements of a metav1.LabelSelector; undefined selects nothing, an empty one everything. */
export function selectorRequirements(selector: LabelSelector | undefined): readonly Requirement[] | undefined {
  if (!selector) return undefined;
  return [
    ...Object.entries(selector.matchLabels ?? {}).map(
      ([key, value]): Requirement => ({ key, operator: 'In', values: [value] }),
    ),
    ...(selector.matchExpressions ?? []).map(
      (e): Requirement => ({ key: e.key, operator: e.operator, values: e.values ?? [] }),
    ),
  ];
}

/** True when a metav1.LabelSelector selects the labels. */
export function selectorMatches(selector: LabelSelector | undefined, labels: StringMap | undefined): boolean {
  const requirements = selectorRequirements(selector);
  return requirements !== undefined && matchesRequirements(requirements, labels);
}

/** True when every pair of `wanted` is among the labels (a Service's selector); an empty map selects nothing. */
export function mapSelects(wanted: StringMap | undefined, labels: StringMap | undefined): boolean {
  const pairs = Object.entries(wanted ?? {});
  return pairs.length > 0 && pairs.every(([key, value]) => labels?.[key] === value);
}

const TOKEN = /\s*(==|!=|=|!|,|\(|\)|<|>|[^\s=!,()<>]+)/y;

function tokenize(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const start = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match) {
      if (text.slice(start).trim() === '') break;
      throw new SelectorError(`unable to parse requirement: ${text.slice(start)}`);
    }
    tokens.push(match[1] ?? '');
  }
  return tokens;
}

/** Parses the text form: `app=web`, `app!=web`, `tier in (a,b)`, `!canary`, `app`, joined by commas. Fails with {@link SelectorError}. */
export function parseLabelSelector(text: string): readonly Requirement[] {
  const tokens = tokenize(text);
  const requirements: Requirement[] = [];
  let at = 0;
  const next = (): string | undefined => tokens[at++];
  while (at < tokens.length) {
    requirements.push(parseRequirement(next, () => tokens[at]));
    const comma = next();
    if (comma === undefined) break;
    if (comma !== ',')
      throw new SelectorError(`unable to parse requirement: found '${comma}', expected: ',' or 'end of string'`);
    if (at === tokens.length)
      throw new SelectorError("unable to parse requirement: found '', expected: identifier after ','");
  }
  return requirements;
}

function parseRequirement(next: () => string | undefined, peek: () => string | undefined): Requirement {
  let key = next() ?? '';
  if (key === '!') {
    key = next() ?? '';
    checkKey(key);
    return { key, operator: 'DoesNotExist', values: [] };
  }
  checkKey(key);
  const operator = peek();
  if (operator === undefined || operator === ',') return { key, operator: 'Exists', values: [] };
  next();
  switch (operator) {
    case '=':
    case '==':
      return { key, operator: 'In', values: [scalarValue(next, peek)] };
    case '!=':
      return { key, operator: 'NotIn', values: [scalarValue(next, peek)] };
    case '>':
    case '<': {
      const value = scalarValue(next, peek);
      if (!/^-?\d+$/.test(value))
        throw new SelectorError(
          `values[0][${key}]: Invalid value: "${value}": for 'Gt', 'Lt' operators, the value must be an integer`,
        );
      return { key, operator: operator === '>' ? 'Gt' : 'Lt', values: [value] };
    }
    case 'in':
    case 'notin':
      return { key, operator: operator === 'in' ? 'In' : 'NotIn', values: listValue(next) };
    default:
      throw new SelectorError(
        `unable to parse requirement: found '${operator}', expected: in, notin, =, ==, !=, gt, lt`,
      );
  }
}

function scalarValue(next: () => string | undefined, peek: () => string | undefined): string {
  const token = peek();
  const value = token === undefined || token === ',' ? '' : (next() ?? '');
  checkValue(value);
  return value;
}

function listValue(next: () => string | undefined): string[] {
  if (next() !== '(') throw new SelectorError("unable to parse requirement: expected: '('");
  const values: string[] = [];
  let expectValue = true;
  for (;;) {
    const token = next();
    if (token === undefined) throw new SelectorError("unable to parse requirement: found '', expected: ',', or ')'");
    if (token === ')') {
      if (expectValue) values.push('');
      return values;
    }
    if (token === ',') {
      if (expectValue) values.push('');
      expectValue = true;
    } else {
      checkValue(token);
      values.push(token);
      expectValue = false;
    }
  }
}

/** Source: the qualified name rule of k8s.io/apimachinery `pkg/util/validation`. */
const KEY = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

function checkKey(key: string): void {
  if (KEY.test(key)) return;
  throw new SelectorError(
    `unable to parse requirement: <nil>: Invalid value: ${JSON.stringify(key)}: name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character`,
  );
}

function checkValue(value: string): void {
  if (VALUE.test(value)) return;
  throw new SelectorError(
    `unable to parse requirement: values[0]: Invalid value: ${JSON.stringify(value)}: a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character`,
  );
}
