/** From what the schema finds wrong to sentences that name the field, its value and what would be right. */
import type { z } from 'zod';
import type { FieldPath } from './yaml-source.ts';

/** A problem of one field. */
export interface Problem {
  readonly path: FieldPath;
  readonly message: string;
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
}

/** `method[0].args.percent` */
export function fieldName(path: FieldPath): string {
  if (path.length === 0) return '(top)';
  return path
    .map((key, i) => (typeof key === 'number' ? `[${key}]` : i === 0 ? String(key) : `.${String(key)}`))
    .join('');
}

/** A value as a message shows it. */
export function show(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value);
}

/** What lies at a path; undefined when nothing does. */
export function valueAt(value: unknown, path: FieldPath): unknown {
  let found = value;
  for (const key of path)
    found = typeof found === 'object' && found !== null ? (found as Record<PropertyKey, unknown>)[key] : undefined;
  return found;
}

/** Explains the schema's issues about `value`. `schema` tells which fields there are. */
export function explain(issues: readonly z.core.$ZodIssue[], value: unknown, schema: unknown): Problem[] {
  return issues.flatMap((issue): Problem[] => {
    if (issue.code === 'unrecognized_keys') {
      const known = fieldsAt(schema as JsonSchema, issue.path);
      return issue.keys.map((key) => ({
        path: [...issue.path, key],
        message: `Field ${fieldName([...issue.path, key])} is not known: there are ${known.join(', ')}`,
      }));
    }
    if (issue.code === 'invalid_union') {
      // The branch that got furthest knows best: a mapping with a wrong field rather than "no text".
      const deepest = issue.errors.flat().filter((e) => e.path.length > 0 || e.code === 'unrecognized_keys');
      if (deepest.length > 0)
        return explain(
          deepest.map((e) => ({ ...e, path: [...issue.path, ...e.path] })),
          value,
          schema,
        );
    }
    return [
      {
        path: issue.path,
        message: `Field ${fieldName(issue.path)} is ${show(valueAt(value, issue.path))}: ${issue.message}`,
      },
    ];
  });
}

/** Names of the fields a mapping at `path` may have. */
function fieldsAt(root: JsonSchema, path: FieldPath): string[] {
  let here: JsonSchema[] = [root];
  const open = (s: JsonSchema): JsonSchema[] => {
    if (s.$ref === '#') return open(root);
    if (s.$ref !== undefined) return open(root.$defs?.[s.$ref.replace('#/$defs/', '')] ?? {});
    return [s, ...(s.anyOf ?? []).flatMap(open)];
  };
  for (const key of path)
    here = here.flatMap(open).flatMap((s) => {
      const next = typeof key === 'number' ? s.items : s.properties?.[String(key)];
      return next ? [next] : [];
    });
  return [...new Set(here.flatMap(open).flatMap((s) => Object.keys(s.properties ?? {})))];
}
