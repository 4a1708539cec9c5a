import type { ContainerIdentity } from './image.ts';

/** Type OIDs of pg_type.dat. */
export const OID = { bool: 16, int4: 23, text: 25 } as const;

/** What a statement brings. */
export type QueryResult =
  | { readonly kind: 'row'; readonly column: string; readonly oid: number; readonly value: string }
  | { readonly kind: 'command'; readonly tag: string }
  | { readonly kind: 'empty' }
  | { readonly kind: 'error'; readonly code: string; readonly message: string };

/** Version the emulated server claims. */
export const SERVER_VERSION = '15.0';

/** Session facts a statement may ask for. */
export interface QuerySession {
  readonly identity: ContainerIdentity;
  readonly user: string;
  readonly database: string;
}

const FUNCTIONS: Readonly<Record<string, (session: QuerySession) => readonly [number, string]>> = {
  'version()': () => [OID.text, `PostgreSQL ${SERVER_VERSION} (emulated by svclab)`],
  'current_database()': (s) => [OID.text, s.database],
  current_user: (s) => [OID.text, s.user],
  'inet_server_addr()': (s) => [OID.text, s.identity.ip],
  'pg_is_in_recovery()': () => [OID.bool, 'f'],
};

const SETTINGS: Readonly<Record<string, (session: QuerySession) => string>> = {
  server_version: () => SERVER_VERSION,
  transaction_read_only: () => 'off',
  // A name of our own, as PostgreSQL lets extensions have: which pod answers.
  'svclab.pod': (s) => s.identity.pod,
};

const COMMANDS = /^(begin|commit|rollback|set|reset|discard)\b/i;
const TAGS: Readonly<Record<string, string>> = { discard: 'DISCARD ALL' };

/**
 * The result of one statement (without semicolon). Knows `select` of one constant or of a few functions, `show`, and the
 * transaction commands; refuses the rest with `feature_not_supported`, for it holds no tables.
 */
export function runQuery(sql: string, session: QuerySession): QueryResult {
  const text = sql.trim().replace(/\s+/g, ' ');
  if (text === '') return { kind: 'empty' };
  const command = COMMANDS.exec(text)?.[1]?.toLowerCase();
  if (command !== undefined) return { kind: 'command', tag: TAGS[command] ?? command.toUpperCase() };
  const show = /^show ([\w.]+)$/i.exec(text)?.[1]?.toLowerCase();
  if (show !== undefined) {
    const setting = Object.hasOwn(SETTINGS, show) ? SETTINGS[show] : undefined;
    if (!setting) return { kind: 'error', code: '42704', message: `unrecognized configuration parameter "${show}"` };
    return { kind: 'row', column: show, oid: OID.text, value: setting(session) };
  }
  const selected = /^select (.+?)(?: as (\w+))?$/i.exec(text);
  const value = selected?.[1] === undefined ? undefined : constant(selected[1], session);
  if (value === undefined)
    return { kind: 'error', code: '0A000', message: 'an emulated PostgreSQL answers constants and SHOW only' };
  return { kind: 'row', column: selected?.[2] ?? value.name, oid: value.oid, value: value.text };
}

function constant(
  expression: string,
  session: QuerySession,
): { readonly oid: number; readonly text: string; readonly name: string } | undefined {
  if (/^-?\d{1,9}$/.test(expression)) return { oid: OID.int4, text: expression, name: '?column?' };
  const quoted = /^'((?:[^']|'')*)'$/.exec(expression)?.[1];
  if (quoted !== undefined) return { oid: OID.text, text: quoted.replaceAll("''", "'"), name: '?column?' };
  const lower = expression.toLowerCase();
  const fn = Object.hasOwn(FUNCTIONS, lower) ? FUNCTIONS[lower] : undefined;
  if (!fn) return undefined;
  const [oid, text] = fn(session);
  return { oid, text, name: lower.replace('()', '') };
}
