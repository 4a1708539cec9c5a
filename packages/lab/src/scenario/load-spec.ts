/** The load of a scenario. */
import { findFile } from './find-file.ts';

/** A load script with its variables. */
export interface LoadSpec {
  /** Absolute path. */
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A load as a file says it; the script is looked for from `folder` on. */
export function loadSpec(
  input: { readonly script: string; readonly env: Readonly<Record<string, string | number | boolean>> },
  folder: string,
): LoadSpec {
  return {
    script: findFile(folder, input.script),
    env: Object.fromEntries(Object.entries(input.env).map(([k, v]) => [k, String(v)])),
  };
}
