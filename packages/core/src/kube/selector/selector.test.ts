import { describe, expect, it } from 'vitest';
import { matchesFields, parseFieldSelector } from './field-selector.ts';
import { matchesRequirements, parseLabelSelector, selectorMatches } from './label-selector.ts';

describe('label selectors', () => {
  const labels = { app: 'web', tier: 'front', size: '5', 'example.com/x': 'y' };
  it.each([
    ['', true],
    ['app=web', true],
    ['app==web', true],
    ['app!=web', false],
    ['none!=x', true],
    ['app in (web, api),tier', true],
    ['app notin (web)', false],
    ['none notin (a)', true],
    ['!none', true],
    ['!app', false],
    ['app', true],
    ['example.com/x=y', true],
    ['size>4', true],
    ['size<4', false],
    ['app=', false],
    ['app in (,web)', true],
  ])('%j selects: %s', (text, expected) =>
    expect(matchesRequirements(parseLabelSelector(text), labels)).toBe(expected),
  );

  it.each(['a b', '=x', 'app in web', 'app in (a', 'a=b=c', 'app=web,', '-a', `a=${'x'.repeat(64)}`, 'a>b', 'a/b/c'])(
    'refuses %j',
    (text) => expect(() => parseLabelSelector(text)).toThrow(),
  );

  it('reads metav1.LabelSelector: none selects nothing, empty selects everything', () => {
    expect(selectorMatches(undefined, labels)).toBe(false);
    expect(selectorMatches({}, labels)).toBe(true);
    const matchExpressions = [{ key: 'tier', operator: 'NotIn' as const, values: ['back'] }];
    expect(selectorMatches({ matchLabels: { app: 'web' }, matchExpressions }, labels)).toBe(true);
  });
});

describe('field selectors', () => {
  const fields = { 'metadata.name': 'a,b', 'status.phase': 'Running' };
  it.each([
    ['', true],
    ['status.phase=Running', true],
    ['status.phase==Running,status.phase!=Failed', true],
    ['status.phase!=Running', false],
    ['metadata.name=a\\,b', true],
    ['spec.nodeName=', true],
  ])('%j matches: %s', (text, expected) => expect(matchesFields(parseFieldSelector(text), fields)).toBe(expected));
  it('refuses a term without an operator', () => expect(() => parseFieldSelector('a')).toThrow("can't understand 'a'"));
});
