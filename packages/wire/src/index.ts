/** Messages and services between processes, generated from `proto/` by ts-proto (`npm run gen`); and the reader of the wire format, for Kubernetes' own messages. */
export { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
export * from './gen/index.ts';
