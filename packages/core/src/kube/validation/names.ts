/** Syntax of names. Source of rules and texts: k8s.io/apimachinery `pkg/util/validation/validation.go`. Each returns what is wrong, empty when right. */

const LABEL_TEXT =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
const SUBDOMAIN_TEXT =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
const DNS1035_TEXT =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
const QUALIFIED_TEXT =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const LABEL_VALUE_TEXT =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const DNS1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';

const tooLong = (max: number): string => `must be no more than ${max} bytes`;

function byRegex(value: string, pattern: string, text: string, examples: readonly string[]): string[] {
  if (new RegExp(`^(${pattern})$`).test(value)) return [];
  const shown = examples.map((e) => `'${e}'`).join(', or ');
  return [`${text} (${examples.length > 0 ? `e.g. ${shown}, ` : ''}regex used for validation is '${pattern}')`];
}

/** Length in UTF-8 bytes. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

/** RFC 1123 label: at most 63 bytes. */
export function checkDns1123Label(value: string): string[] {
  return [
    ...(utf8Length(value) > 63 ? [tooLong(63)] : []),
    ...byRegex(value, LABEL, LABEL_TEXT, ['my-name', '123-abc']),
  ];
}

/** RFC 1123 subdomain: at most 253 bytes. */
export function checkDns1123Subdomain(value: string): string[] {
  return [
    ...(utf8Length(value) > 253 ? [tooLong(253)] : []),
    ...byRegex(value, `${LABEL}(\\.${LABEL})*`, SUBDOMAIN_TEXT, ['example.com']),
  ];
}

/** RFC 1035 label: at most 63 bytes, begins with a letter. Names of Services. */
export function checkDns1035Label(value: string): string[] {
  return [
    ...(utf8Length(value) > 63 ? [tooLong(63)] : []),
    ...byRegex(value, DNS1035, DNS1035_TEXT, ['my-name', 'abc-123']),
  ];
}

/** `prefix/name` of label keys and annotations. */
export function checkQualifiedName(value: string): string[] {
  const parts = value.split('/');
  const name = parts.at(-1) ?? '';
  const problems: string[] = [];
  if (parts.length > 2)
    return [
      `a qualified name ${QUALIFIED_TEXT} (e.g. 'MyName', or 'my.name', or '123-abc', regex used for validation is '${QUALIFIED}') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  if (parts.length === 2) {
    const prefix = parts[0] ?? '';
    if (prefix === '') problems.push('prefix part must be non-empty');
    else problems.push(...checkDns1123Subdomain(prefix).map((p) => `prefix part ${p}`));
  }
  if (name === '') problems.push('name part must be non-empty');
  else if (utf8Length(name) > 63) problems.push(`name part ${tooLong(63)}`);
  problems.push(
    ...byRegex(name, QUALIFIED, QUALIFIED_TEXT, ['MyName', 'my.name', '123-abc']).map((p) => `name part ${p}`),
  );
  return problems;
}

/** Value of a label: at most 63 bytes. */
export function checkLabelValue(value: string): string[] {
  return [
    ...(utf8Length(value) > 63 ? [tooLong(63)] : []),
    ...byRegex(value, `(${QUALIFIED})?`, LABEL_VALUE_TEXT, ['MyValue', 'my_value', '12345']),
  ];
}

/** Name of a port, as containers and targetPort use it (an IANA service name). */
export function checkPortName(value: string): string[] {
  const problems: string[] = [];
  if (value.length > 15) problems.push('must be no more than 15 characters');
  if (!/^[-a-z0-9]+$/.test(value))
    problems.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(value)) problems.push('must contain at least one letter (a-z)');
  if (value.includes('--')) problems.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) problems.push('must not begin or end with a hyphen');
  return problems;
}

/** Number of a port. */
export function checkPortNumber(value: number): string[] {
  return Number.isInteger(value) && value >= 1 && value <= 65535 ? [] : ['must be between 1 and 65535, inclusive'];
}

/** Key of a ConfigMap or Secret. */
export function checkConfigKey(value: string): string[] {
  const problems = [
    ...(utf8Length(value) > 253 ? [tooLong(253)] : []),
    ...byRegex(
      value,
      '[-._a-zA-Z0-9]+',
      "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
      ['key.name', 'KEY_NAME', 'key-name'],
    ),
  ];
  if (value === '.') problems.push("must not be '.'");
  if (value === '..') problems.push("must not be '..'");
  else if (value.startsWith('..')) problems.push("must not start with '..'");
  return problems;
}

/** Name of an environment variable. */
export function checkEnvName(value: string): string[] {
  return /^[ -<>-~]+$/.test(value)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}
