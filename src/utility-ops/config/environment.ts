import { PlatformError } from '../../engine/errors.ts';
import { nearest, plain } from '../nearest.ts';
import type { SchemaNode } from './schema.ts';

/** Environment variables that are settings start with this: `VTO__SERVING__HTTP_PORT`. */
export const ENVIRONMENT_PREFIX = 'VTO__';

/** One layer of settings and how to name it in messages. */
export interface Layer { readonly values: Readonly<Record<string, unknown>>; sourceOf(path: readonly PropertyKey[]): string }

/**
 * Reads settings out of environment variables. The schema says which name is meant (case and underscores do not matter) and of
 * which type the text is; lists are JSON or comma-separated, `VTO__CAMERAS` is JSON.
 * @throws PlatformError CONFIG_INVALID for a name that is no setting or a text of the wrong type
 */
export function environmentLayer(environment: Readonly<Record<string, string | undefined>>, schema: SchemaNode): Layer {
  const values: Record<string, unknown> = {};
  const names = new Map<string, string>();
  for (const [name, text] of Object.entries(environment)) {
    if (!name.startsWith(ENVIRONMENT_PREFIX) || text === undefined) continue;
    const { path, node } = find(name, schema);
    const [section, key] = path;
    const value = coerce(name, text, node);
    if (key === undefined) values[section as string] = value;
    else values[section as string] = { ...(values[section as string] as object | undefined), [key]: value };
    names.set(path.join('.'), name);
  }
  return { values, sourceOf: (path) => names.get(path.slice(0, 2).join('.')) ?? names.get(String(path[0])) ?? 'environment' };
}

function find(name: string, schema: SchemaNode): { path: string[]; node: SchemaNode } {
  const path: string[] = [];
  let node = schema;
  for (const part of name.slice(ENVIRONMENT_PREFIX.length).split('__')) {
    const key = Object.keys(node.properties ?? {}).find((candidate) => plain(candidate) === plain(part));
    const next = key === undefined ? undefined : node.properties?.[key];
    if (key === undefined || next === undefined) throw unknownVariable(name, [...path, part], path, node);
    path.push(key);
    node = next;
  }
  if (node.properties !== undefined) throw unknownVariable(name, path, path, node);
  return { path, node };
}

function unknownVariable(name: string, asked: readonly string[], parent: readonly string[], node: SchemaNode): PlatformError {
  const known = Object.keys(node.properties ?? {}).map((key) => variableName([...parent, key]));
  const near = nearest(name, known);
  const hint = near === undefined ? '' : `; did you mean ${near}?`;
  return new PlatformError('CONFIG_INVALID', `environment variable ${name} names no setting${hint}; known here: ${known.join(', ') || 'none'}`, { path: asked.join('.'), source: name });
}

/** The environment variable of a setting: `serving.httpPort` is `VTO__SERVING__HTTP_PORT`. */
export function variableName(path: readonly string[]): string {
  return ENVIRONMENT_PREFIX + path.map((part) => part.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()).join('__');
}

function coerce(name: string, text: string, node: SchemaNode): unknown {
  switch (node.type) {
    case 'number': case 'integer': {
      const value = Number(text);
      if (text.trim() === '' || Number.isNaN(value)) throw wrong(name, text, 'a number');
      return value;
    }
    case 'boolean':
      if (/^(true|1|yes|on)$/i.test(text)) return true;
      if (/^(false|0|no|off)$/i.test(text)) return false;
      throw wrong(name, text, 'true or false');
    case 'array':
      if (text.trim().startsWith('[')) return json(name, text);
      if (node.items?.type === 'object') throw wrong(name, text, 'a JSON list of objects');
      return text.split(',').map((item) => item.trim()).filter((item) => item !== '');
    case undefined: case 'string':
      return text;
    default:
      return json(name, text);
  }
}

function json(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new PlatformError('CONFIG_INVALID', `environment variable ${name} is no valid JSON`, { source: name }, cause); // the text may hold passwords
  }
}

function wrong(name: string, text: string, wanted: string): PlatformError {
  const shown = name.includes('CAMERAS') ? '' : ` not '${text.slice(0, 60)}'`; // camera URIs may hold passwords
  return new PlatformError('CONFIG_INVALID', `environment variable ${name} must be ${wanted},${shown}`.replace(/,$/, ''), { source: name });
}
