/** Finds object keys that occur twice in a JSON text, which `JSON.parse` hides. */

interface Frame {
  readonly path: string;
  /** Keys seen so far; undefined for an array. */
  readonly keys: Set<string> | undefined;
  index: number;
}

/** Paths (`spec.replicas`, `spec.ports[0].name`) of duplicate keys in a text that is known to be valid JSON; each once, in order. */
export function duplicateKeys(json: string): string[] {
  const found = new Set<string>();
  const stack: Frame[] = [];
  let path = '';
  let at = 0;
  while (at < json.length) {
    const c = json.charCodeAt(at);
    const top = stack.at(-1);
    if (c === 0x7b || c === 0x5b) {
      const isArray = c === 0x5b;
      stack.push({ path, keys: isArray ? undefined : new Set(), index: 0 });
      if (isArray) path = `${path}[0]`;
      at += 1;
    } else if (c === 0x7d || c === 0x5d) {
      stack.pop();
      at += 1;
    } else if (c === 0x2c) {
      if (top && !top.keys) {
        top.index += 1;
        path = `${top.path}[${top.index}]`;
      }
      at += 1;
    } else if (c === 0x22) {
      const end = stringEnd(json, at);
      if (top?.keys && nextIsColon(json, end)) {
        const key = JSON.parse(json.slice(at, end)) as string;
        path = top.path === '' ? key : `${top.path}.${key}`;
        if (top.keys.has(key)) found.add(path);
        top.keys.add(key);
      }
      at = end;
    } else at += 1;
  }
  return [...found];
}

/** Index behind the closing quote of the string that starts at `start`. */
function stringEnd(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length) {
    const c = json.charCodeAt(at);
    if (c === 0x5c) at += 2;
    else if (c === 0x22) return at + 1;
    else at += 1;
  }
  return json.length;
}

function nextIsColon(json: string, from: number): boolean {
  let at = from;
  while (at < json.length && json.charCodeAt(at) <= 0x20) at += 1;
  return json.charCodeAt(at) === 0x3a;
}
