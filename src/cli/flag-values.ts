import { PlatformError } from '../engine/errors.ts';

/** Flags of a command line by name, each checked by its row. */
export type Values = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/** Of a flag that is given once. */
export function text(values: Values, flag: string): string | undefined {
  const value = values[flag];
  return typeof value === 'string' ? value : undefined;
}

/** Of a flag that is a number: the parser checked it. */
export function number(values: Values, flag: string): number | undefined {
  const value = text(values, flag);
  return value === undefined ? undefined : Number(value);
}

/** Of a flag that may be given several times. */
export function list(values: Values, flag: string): readonly string[] {
  const value = values[flag];
  return Array.isArray(value) ? value as readonly string[] : [];
}

/** As `list`; undefined for none. */
export function listIfGiven(values: Values, flag: string): string[] | undefined {
  const items = list(values, flag);
  return items.length === 0 ? undefined : [...items];
}

/** The fields that are given. */
export function defined<Fields extends object>(fields: Fields): { [Key in keyof Fields]?: Exclude<Fields[Key], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { [Key in keyof Fields]?: Exclude<Fields[Key], undefined> };
}

/** Words given one by one or comma-separated. */
export function words(values: Values, flag: string): string[] | undefined {
  return listIfGiven(values, flag)?.flatMap((text) => text.split(',')).map((word) => word.trim()).filter((word) => word !== '');
}

/** A refusal of what was written. @param path the flag */
export function invalid(message: string, path: string): PlatformError {
  return new PlatformError('CONFIG_INVALID', message, { path });
}
