import koffi from 'koffi';

let ifNameToIndex: ((name: string) => number) | undefined;

/**
 * Index of an interface of the network namespace the thread is in; undefined when there is none of that name.
 * An index names one interface for its life: one that went and came back has the old name, perhaps, and a new index.
 */
export function interfaceIndex(name: string): number | undefined {
  ifNameToIndex ??= koffi.load('libc.so.6').func('uint32_t if_nametoindex(const char *name)') as unknown as (
    name: string,
  ) => number;
  const index = ifNameToIndex(name);
  return index === 0 ? undefined : index;
}
