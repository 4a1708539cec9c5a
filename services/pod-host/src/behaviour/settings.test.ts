import { describe, expect, it } from 'vitest';
import { BehaviourSettings } from './settings.ts';

const of = (settings: Record<string, string>): ReadonlyMap<string, string> => new Map(Object.entries(settings));
const shown = (settings: BehaviourSettings): Record<string, string> => Object.fromEntries(settings.effective());

describe('BehaviourSettings', () => {
  it('lets the latest source win and falls back to the one before', () => {
    const settings = new BehaviourSettings();
    settings.set('', of({ latency: '1ms', health: 'ok' }));
    settings.set('f1', of({ latency: '2ms' }));
    settings.set('f2', of({ latency: '3ms' }));
    expect(shown(settings)).toEqual({ latency: '3ms', health: 'ok' });
    settings.set('f1', of({ latency: '4ms' }));
    expect(shown(settings)).toEqual({ latency: '4ms', health: 'ok' });
    settings.set('f1', of({}), true);
    expect(shown(settings)).toEqual({ latency: '3ms', health: 'ok' });
    settings.set('f2', of({}), true);
    expect(shown(settings)).toEqual({ latency: '1ms', health: 'ok' });
  });

  it('takes single keys back, or all of a source before it sets others', () => {
    const settings = new BehaviourSettings();
    settings.set('f1', of({ latency: '2ms', health: 'fail' }));
    settings.set('f1', of({ health: '' }));
    expect(shown(settings)).toEqual({ latency: '2ms' });
    settings.set('f1', of({ connections: 'hang' }), true);
    expect(shown(settings)).toEqual({ connections: 'hang' });
  });

  it('forgets every source but the user', () => {
    const settings = new BehaviourSettings();
    settings.set('f1', of({ latency: '2ms' }));
    settings.set('', of({ health: 'fail' }));
    settings.resetSources();
    expect(shown(settings)).toEqual({ health: 'fail' });
  });
});
