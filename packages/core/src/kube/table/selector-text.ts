/** Selectors as tables print them. Source: k8s.io/apimachinery `pkg/apis/meta/v1/helpers.go` (FormatLabelSelector), `pkg/labels`. */
import type { LabelSelector, StringMap } from '../../api/meta.ts';

/** `a=1,b=2` in order of keys, `<none>` when empty. */
export function formatMap(map: StringMap | undefined): string {
  const pairs = Object.entries(map ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return pairs.length === 0 ? '<none>' : pairs.map(([k, v]) => `${k}=${v}`).join(',');
}

/** A metav1.LabelSelector as one line. */
export function formatSelector(selector: LabelSelector | undefined): string {
  if (!selector) return '<none>';
  const terms = [
    ...Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({ key, text: `${key}=${value}` })),
    ...(selector.matchExpressions ?? []).map((e) => ({ key: e.key, text: formatExpression(e) })),
  ];
  if (terms.length === 0) return '<none>';
  return terms
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map((t) => t.text)
    .join(',');
}

function formatExpression(e: NonNullable<LabelSelector['matchExpressions']>[number]): string {
  const values = [...(e.values ?? [])].sort().join(',');
  if (e.operator === 'In') return `${e.key} in (${values})`;
  if (e.operator === 'NotIn') return `${e.key} notin (${values})`;
  return e.operator === 'Exists' ? e.key : `!${e.key}`;
}
