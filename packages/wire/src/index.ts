/** Messages and services between processes, generated from `proto/` by ts-proto (`npm run gen`). */
export * from './gen/index.ts';
