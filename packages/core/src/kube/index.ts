/** The pure half of the Kubernetes API: errors, selectors, patches, field trees, validation, defaults, tables, allocation. */
export * from './errors/api-error.ts';
export * from './errors/field-error.ts';
export * from './table/table.ts';
