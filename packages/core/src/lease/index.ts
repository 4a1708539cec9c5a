export * from './leader-election.ts';
