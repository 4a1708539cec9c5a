/**
 * Writes packages/core/src/kube/schema/gen/wire.ts: the numbers under which the fields of gen/types.ts travel in Kubernetes' protobuf, and
 * what else differs from JSON. Source: the struct tags in `types.go` of k8s.io/api and k8s.io/apimachinery. Needs Go on the PATH; the modules are
 * fetched and are no dependency. Run it after gen-fields.mjs.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Modules of Kubernetes 1.33, as the fields are. */
const VERSION = 'v0.33.0';
const TYPES = new URL('../packages/core/src/kube/schema/gen/types.ts', import.meta.url);
const OUT = new URL('../packages/core/src/kube/schema/gen/wire.ts', import.meta.url);

/** Where types live whose group is no folder of k8s.io/api: prefix of our name -> module and folder. */
const ELSEWHERE = { 'meta.v1': ['k8s.io/apimachinery', 'pkg/apis/meta/v1'] };
/** Definitions of custom resources hold JSON values in ways of their own, and their clients send JSON. */
const LEFT_OUT = ['apiextensions.v1'];
/** Types that are used by several groups are named after the first that was met: look there as well. */
const SHARED = ['core.v1', 'meta.v1'];

const modules = new Map();
const packages = new Map();

const types = new Map(
  [...readFileSync(TYPES, 'utf8').matchAll(/^ {2}"([^"]+)": (\{.*\}),$/gm)].map(([, name, fields]) => [
    name,
    Object.keys(JSON.parse(fields)).map((f) => f.replace(/!$/, '')),
  ]),
);
const messages = new Map();
for (const [name, fields] of types) {
  const at = name.lastIndexOf('.');
  const [group, short] = [name.slice(0, at), name.slice(at + 1)];
  if (LEFT_OUT.includes(group)) continue;
  const home = [group, ...SHARED].find((g) => structsOf(g).structs.has(short));
  if (!home) throw new Error(`Type ${name} is in none of the packages ${[group, ...SHARED].join(', ')}`);
  const message = messageOf(home, short, new Set(fields));
  messages.set(name, message);
  const missing = fields.filter((f) => f !== 'apiVersion' && f !== 'kind' && !reaches(home, short, f));
  if (missing.length > 0) throw new Error(`Fields of ${name} have no number: ${missing.join(', ')}`);
}
writeFileSync(OUT, render(messages));

/** The facts of one struct, limited to fields the API has in JSON; an inlined struct becomes a message of its own. */
function messageOf(group, short, wanted) {
  const facts = {};
  for (const field of structsOf(group).structs.get(short)) {
    if (field.inline) {
      const inner = `${group}.${field.type}`;
      if (!messages.has(inner)) messages.set(inner, messageOf(group, field.type, wanted));
      facts[`...${inner}`] = field.number;
    } else if (wanted.has(field.name) || !types.has(`${group}.${short}`)) {
      facts[`${field.name}${field.keepsZero ? '*' : ''}${field.wrapped ? '^' : ''}`] = field.number;
    }
  }
  return facts;
}

function reaches(group, short, name) {
  return structsOf(group)
    .structs.get(short)
    .some((f) => (f.inline ? reaches(group, f.type, name) : f.name === name));
}

/** The structs of an API package, with the fields that have a number. */
function structsOf(group) {
  const known = packages.get(group);
  if (known) return known;
  const [module, folder] = ELSEWHERE[group] ?? ['k8s.io/api', group.replace('.', '/')];
  const file = join(moduleOf(module), folder, 'types.go');
  const source = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const lists = new Set([...source.matchAll(/^type (\w+) \[\]\w+/gm)].map(([, name]) => name));
  const structs = new Map();
  for (const [, name, body] of source.matchAll(/^type (\w+) struct \{\n([\s\S]*?)^\}/gm))
    structs.set(
      name,
      [...body.matchAll(/^\t(?:(\w+)\s+)?(\S+)\s+`([^`]*)`/gm)].flatMap((f) => fieldOf(f, lists)),
    );
  const found = { structs };
  packages.set(group, found);
  return found;
}

function fieldOf([, , type, tags], lists) {
  const number = Number(/protobuf:"\w+,(\d+)/.exec(tags)?.[1] ?? 0);
  const [name, ...options] = (/json:"([^"]*)"/.exec(tags)?.[1] ?? '').split(',');
  if (number === 0) return [];
  const pointer = type.startsWith('*');
  const value = /^map\[\w+\](\w+)$/.exec(type)?.[1];
  return [
    {
      name,
      number,
      type: type.replace(/^\*/, ''),
      inline: options.includes('inline'),
      keepsZero: pointer || !options.includes('omitempty'),
      wrapped: value !== undefined && lists.has(value),
    },
  ];
}

function moduleOf(name) {
  const known = modules.get(name);
  if (known) return known;
  const directory = mkdtempSync(join(tmpdir(), 'wire-'));
  try {
    const text = execFileSync('go', ['mod', 'download', '-json', `${name}@${VERSION}`], { cwd: directory });
    const { Dir } = JSON.parse(text.toString());
    modules.set(name, Dir);
    return Dir;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function render(all) {
  const lines = [...all.keys()].sort().map((name) => {
    const fields = Object.entries(all.get(name)).map(([k, v]) => `${JSON.stringify(k)}: ${v}`);
    return `  ${JSON.stringify(name)}: { ${fields.join(', ')} },`;
  });
  return [
    `// Generated by scripts/gen-wire.mjs from k8s.io/api and k8s.io/apimachinery ${VERSION}. Do not edit.`,
    '/**',
    ' * Type -> field -> its number in protobuf. "*" behind a name: zero is a value (a pointer in Go, or JSON has it as well); without it zero',
    ' * means unset. "^": the values of the map are messages that hold a list. "...": the fields of another message that JSON has here.',
    ' */',
    'export const WIRE_NUMBERS = {',
    ...lines,
    '} as const satisfies Readonly<Record<string, Readonly<Record<string, number>>>>;',
    '',
  ].join('\n');
}
