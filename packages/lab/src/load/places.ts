/** Where in a script a fault lies: `baseline.js:12`, relative to the script's folder. */
import { readFileSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ScriptError } from './errors.ts';
import { syntaxPlace } from './syntax.ts';

/** Where our own modules lie, which are no part of a script. */
const MODULES = new URL('./modules/', import.meta.url).href;
const ADDRESS = /(file:\/\/[^\s()]+?)\?vu=\d+(?::(\d+))?/;

/**
 * Line of a word of a script, or of an option by its path (`scenarios.a.rate`: each part after the one before, the deepest that is there).
 * Undefined when there is none.
 */
export function lineOf(source: string, near: string): number | undefined {
  if (near === '') return undefined;
  const lines = source.split('\n').map((line) => (/^\s*(\/\/|\*|\/\*)/.test(line) ? '' : line));
  const find = (word: string, from: number): number => {
    const escaped = word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    const as = (pattern: string): number => lines.findIndex((line, i) => i >= from && new RegExp(pattern).test(line));
    if (!/^\w+$/.test(word)) return as(escaped);
    const key = as(`(?<![\\w.-])${escaped}['"]?\\s*:`);
    return key >= 0 ? key : as(`(?<![\\w.-])${escaped}(?![\\w-])`);
  };
  const whole = find(near, 0);
  if (whole >= 0) return whole + 1;
  let line = -1;
  for (const part of near.split(/[.[\]"]+/)) {
    const next = /^\d*$/.test(part) ? -1 : find(part, Math.max(0, line));
    if (next >= 0) line = next;
  }
  return line < 0 ? undefined : line + 1;
}

/** The first place in one of the script's modules that an error's stack names. */
export function placeOfStack(stack: string, script: string): string | undefined {
  for (const text of stack.split('\n')) {
    const [, address, line] = ADDRESS.exec(text) ?? [];
    if (address && line && !address.startsWith(MODULES))
      return `${relative(dirname(script), fileURLToPath(address))}:${line}`;
  }
  return undefined;
}

/** A stack without what our loader added to the script's address. */
export function readableStack(stack: string): string {
  return stack.replaceAll(/\?vu=\d+/g, '').replaceAll('file://', '');
}

/** The error with its place in front, found in its stack or by the word it is about; the file alone where neither says. */
export function placed(error: ScriptError, script: string): ScriptError {
  if (/^[^\s:]+\.[cm]?[jt]s(:\d+)?: /.test(error.message)) return error;
  let line: number | undefined;
  try {
    line = lineOf(readFileSync(script, 'utf8'), error.near);
  } catch {
    // The script itself cannot be read, which is what the message says.
  }
  const name = relative(dirname(script), script);
  const place = line === undefined ? (placeOfStack(error.stack ?? '', script) ?? name) : `${name}:${line}`;
  return new ScriptError(`${place}: ${error.message}`);
}

const WHY: Readonly<Record<string, string>> = {
  sleep: 'it blocks; use await new Promise((resolve) => setTimeout(resolve, ms))',
  group: 'it cannot hold async code; tag requests instead (params.tags)',
};

function missingExport(module: string, name: string): string {
  if (module === 'k6/http') return `http.${name} needs k6: use await http.asyncRequest(method, url)`;
  return `"${name}" of ${module} needs k6${WHY[name] ? `: ${WHY[name]}` : ''}`;
}

/** What Node says when a script cannot be loaded, in the terms of k6, with its place. */
export function loadError(error: unknown, script: string): ScriptError {
  if (error instanceof ScriptError) return placed(error, script);
  const message = error instanceof Error ? error.message : String(error);
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const refused = /REFUSED (.*)/.exec(message)?.[1];
  if (refused !== undefined) return new ScriptError(refused);
  const place = placeOfStack(stack, script) ?? relative(dirname(script), script);
  const missing = /module '([^']+)' does not provide an export named '([^']+)'/.exec(message);
  if (missing?.[1]) {
    const [, module, name = ''] = missing;
    return new ScriptError(
      module?.startsWith('k6')
        ? `${place}: ${missingExport(module, name)}`
        : `${place}: Module ${module} has no export "${name}": name one it has`,
    );
  }
  if (error instanceof SyntaxError)
    return new ScriptError(`${syntaxPlace(script) ?? place}: Script does not parse: ${message}; correct the line`);
  return new ScriptError(
    `${place}: Script fails in its init context, before any request: ${message || String(error)}; correct the line`,
  );
}
