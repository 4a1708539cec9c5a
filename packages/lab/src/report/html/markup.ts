/** HTML as text. */

/** Text in HTML, also in attributes. */
export function html(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** A value as JSON that may stand in a script element: nothing in it ends the element or begins a comment. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll('<', '\\u003c')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029');
}

/** A column: its head, and whether it holds figures. */
export interface Column {
  readonly head: string;
  readonly figures?: boolean;
}

/** A table; cells are HTML. The first cell of a row is its head. Empty without rows. */
export function htmlTable(columns: readonly Column[], rows: readonly (readonly string[])[], caption: string): string {
  if (rows.length === 0) return '';
  const cls = (i: number): string => (columns[i]?.figures ? ' class="num"' : '');
  const head = columns.map((c, i) => `<th scope="col"${cls(i)}>${html(c.head)}</th>`).join('');
  const body = rows
    .map((r) =>
      r.map((cell, i) => (i === 0 ? `<th scope="row"${cls(i)}>${cell}</th>` : `<td${cls(i)}>${cell}</td>`)).join(''),
    )
    .map((r) => `<tr>${r}</tr>`)
    .join('\n');
  return `<div class="scroll" tabindex="0" role="region" aria-label="${html(caption)}"><table><caption>${html(caption)}</caption><thead><tr>${head}</tr></thead><tbody>\n${body}\n</tbody></table></div>`;
}

/** Whether something held: a sign, words and a colour. */
export function verdictMark(held: boolean, words = held ? 'held' : 'failed'): string {
  return held ? `<span class="mark good">✓ ${html(words)}</span>` : `<span class="mark bad">✗ ${html(words)}</span>`;
}

/** A titled part of the page; empty without content. */
export function section(id: string, title: string, content: string): string {
  return content === ''
    ? ''
    : `<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${html(title)}</h2>\n${content}\n</section>`;
}
