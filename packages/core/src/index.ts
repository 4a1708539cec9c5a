/** The pure half of svclab: types, rules and state machines. Imports nothing but itself; time, chance and identity are arguments. */
export * from './api/apps.ts';
export * from './api/core.ts';
export * from './api/discovery.ts';
export * from './api/meta.ts';
export * from './api/metallb.ts';
export * from './clock.ts';
export * from './lab/bus.ts';
export * from './lab/config.ts';
export * from './lab/knobs.ts';
export * from './lab/timeline.ts';
export * from './store/event-window.ts';
export * from './store/key.ts';
export * from './store/store.ts';
export * from './store/watch-cache.ts';
