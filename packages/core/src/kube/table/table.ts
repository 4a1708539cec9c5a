/** metav1.Table: what `kubectl get` prints. Source: k8s.io/apimachinery `pkg/apis/meta/v1/types.go`, kubernetes `pkg/printers`. */

/** One column. Columns with a priority above 0 show only with `-o wide`. */
export interface TableColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  /** `name` marks the column that identifies the row. */
  readonly format: string;
  readonly description: string;
  readonly priority: number;
}

/** Values of one row, one for each column. */
export type TableCells = readonly (string | number | boolean | null)[];

/** Makes a column; `wide` columns show only with `-o wide`. */
export function column(
  name: string,
  description: string,
  options: { readonly type?: TableColumn['type']; readonly format?: string; readonly wide?: boolean } = {},
): TableColumn {
  return {
    name,
    type: options.type ?? 'string',
    format: options.format ?? '',
    description,
    priority: options.wide ? 1 : 0,
  };
}
