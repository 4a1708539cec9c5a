/**
 * Module loader hooks (`module.register`) of the load host. They give every virtual user its own instance of the script's modules, as k6
 * does, and put our modules in the place of `k6/...`: each address carries the VU's number (`?vu=3`), so Node keeps the instances apart.
 * A script's source gets one import in front of its first line: the globals k6 has and Node has not.
 */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { LoadHookContext, ResolveHookContext } from 'node:module';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

const MODULES = new URL('./modules/', import.meta.url).href;

/** Module names of k6 that the host has. */
const OURS: Readonly<Record<string, string>> = {
  k6: 'k6.js',
  'k6/http': 'http.js',
  'k6/metrics': 'metrics.js',
  'k6/execution': 'execution.js',
  'k6/timers': 'timers.js',
  'k6/data': 'data.js',
  'svclab:globals': 'globals.js',
};

const TIMERS = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'];

type Resolved = { url: string; format?: string | null; shortCircuit?: boolean };

/** Only modules of a script carry a VU number and lie outside our own folder. */
function vuOfScript(url: string | undefined): string | undefined {
  if (url === undefined || url.startsWith(MODULES)) return undefined;
  return /[?&]vu=(\d+)/.exec(url)?.[1];
}

/** Node's `resolve` hook. */
export async function resolve(
  specifier: string,
  context: ResolveHookContext,
  next: (specifier: string, context: ResolveHookContext) => Resolved | Promise<Resolved>,
): Promise<Resolved> {
  const parent = context.parentURL;
  // Our modules import each other for the same VU.
  if (parent?.startsWith(MODULES) && specifier.startsWith('./'))
    return { url: new URL(specifier, parent).href + new URL(parent).search, format: 'module', shortCircuit: true };
  const vu = vuOfScript(parent);
  if (vu === undefined) return next(specifier, context);
  const own = OURS[specifier];
  if (own) return { url: `${MODULES}${own}?vu=${vu}`, format: 'module', shortCircuit: true };
  const refuse = (why: string): never => {
    throw new Error(`REFUSED ${placeOf(specifier, parent ?? '')}: ${why}`);
  };
  if (specifier === 'k6' || specifier.startsWith('k6/'))
    refuse(
      `${specifier} needs k6: the built-in load host has ${Object.keys(OURS)
        .filter((name) => name.startsWith('k6'))
        .join(', ')}`,
    );
  if (/^https?:/.test(specifier)) refuse(`${specifier} is remote, which needs k6: keep modules beside the script`);
  if (!/^(\.|\/|file:)/.test(specifier))
    refuse(`"${specifier}" is no module of k6 and no path: import one of k6's modules, or a file as "./name.js"`);
  let found: Resolved;
  try {
    found = await next(specifier, context);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return refuse(`Module "${specifier}" is not there: give the path of a file, with its extension`);
  }
  return { ...found, url: `${found.url}?vu=${vu}`, format: 'module' };
}

/** Where a module imports another: `script.js:3`. */
function placeOf(specifier: string, parent: string): string {
  const path = fileURLToPath(parent.replace(/\?.*/, ''));
  const lines = readFileSync(path, 'utf8').split('\n');
  const at = lines.findIndex((line) => line.includes(`'${specifier}'`) || line.includes(`"${specifier}"`));
  return at < 0 ? basename(path) : `${basename(path)}:${at + 1}`;
}

/** Node's `load` hook. */
export async function load(
  url: string,
  context: LoadHookContext,
  next: (url: string, context: LoadHookContext) => unknown,
): Promise<unknown> {
  if (vuOfScript(url) === undefined || !url.startsWith('file:')) return next(url, context);
  const source = await readFile(fileURLToPath(url), 'utf8');
  return { format: 'module', source: `${globalsFor(source)}${source}`, shortCircuit: true };
}

/** One line without a line break, so that line numbers stay. Names the script imports itself are left to it. */
function globalsFor(source: string): string {
  const imported = new Set(
    [...source.matchAll(/import\s*\{([^}]*)\}\s*from\s*['"]k6\/timers['"]/g)].flatMap((m) =>
      (m[1] ?? '').split(',').map(
        (n) =>
          n
            .trim()
            .split(/\s+as\s+/)
            .pop() ?? '',
      ),
    ),
  );
  return `import { ${['__VU', '__ITER', '__ENV', 'open', ...TIMERS.filter((t) => !imported.has(t))].join(', ')} } from 'svclab:globals'; `;
}
