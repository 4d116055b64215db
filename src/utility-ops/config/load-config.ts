import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse as parseToml } from 'smol-toml';
import type { z } from 'zod';
import { PlatformError } from '../../engine/errors.ts';
import { suggest } from '../nearest.ts';
import { environmentLayer, type Layer } from './environment.ts';
import { planNode } from './node-roles.ts';
import { CONFIG_SCHEMA, encoder, configJsonSchema, type Config, type ConfigInput, type SchemaNode } from './schema.ts';

/** Where settings come from, weakest first. */
export interface ConfigSources {
  /** TOML files; a later one wins. Relative to `cwd`. */
  readonly files?: readonly string[];
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** What the command line says. */
  readonly flags?: ConfigInput;
  /** Folder that `data`, `modelOps.model`, the paths of models and those of cameras are relative to. */
  readonly cwd: string;
}

/**
 * Joins defaults, files, environment and flags, later ones winning key by key, cameras joined by id.
 * @throws PlatformError CONFIG_INVALID naming every wrong or unknown key, its value and where it was set
 */
export function loadConfig(sources: ConfigSources): Config {
  const schema = configJsonSchema();
  const layers: Layer[] = (sources.files ?? []).map((file) => fileLayer(resolve(sources.cwd, file)));
  if (sources.environment !== undefined) layers.push(environmentLayer(sources.environment, schema));
  if (sources.flags !== undefined) layers.push({ values: sources.flags, sourceOf: () => 'command line' });
  const merged = layers.reduce<Record<string, unknown>>((values, layer) => merge(values, layer), {});
  const result = CONFIG_SCHEMA.safeParse(merged);
  if (!result.success) throw invalid(result.error.issues, merged, layers, schema);
  planNode(result.data);
  return deepFreeze(resolvePaths(result.data, sources.cwd));
}

function fileLayer(path: string): Layer {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new PlatformError('CONFIG_INVALID', `config file ${path} cannot be read: ${(cause as Error).message}`, { path }, cause);
  }
  try {
    return { values: parseToml(text), sourceOf: () => path };
  } catch (cause) {
    const where = cause as { line?: number; column?: number };
    // The parser's own message quotes the lines around the error, which may hold camera passwords.
    throw new PlatformError('CONFIG_INVALID', `config file ${path} is no valid TOML at line ${where.line ?? '?'}, column ${where.column ?? '?'}`, { path });
  }
}

function merge(base: Readonly<Record<string, unknown>>, layer: Layer): Record<string, unknown> {
  const merged = new Map(Object.entries(base)); // a map, because assigning `__proto__` to an object sets no key
  for (const [section, value] of Object.entries(layer.values)) {
    if (value === undefined) continue;
    const known = merged.get(section);
    if (section === 'cameras') merged.set(section, joinCameras(known, value, layer));
    else if (isObject(known) && isObject(value)) merged.set(section, { ...known, ...withoutUndefined(value) });
    else merged.set(section, isObject(value) ? withoutUndefined(value) : value);
  }
  return Object.fromEntries(merged);
}

function joinCameras(known: unknown, added: unknown, layer: Layer): unknown {
  if (!Array.isArray(added)) return added; // refused by the schema
  const joined: unknown[] = Array.isArray(known) ? [...known] : [];
  const seen = new Set<unknown>();
  for (const camera of added as readonly unknown[]) {
    const id = isObject(camera) ? camera['id'] : undefined;
    if (typeof id === 'string' && seen.has(id)) throw new PlatformError('CONFIG_INVALID', `camera id '${id}' is given twice (${layer.sourceOf(['cameras'])})`, { path: 'cameras', source: layer.sourceOf(['cameras']) });
    seen.add(id);
    const index = joined.findIndex((other) => isObject(other) && other['id'] === id);
    if (id !== undefined && index >= 0) joined[index] = { ...(joined[index] as object), ...(camera as object) };
    else joined.push(camera);
  }
  return joined;
}

function withoutUndefined(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(issues: readonly z.core.$ZodIssue[], merged: unknown, layers: readonly Layer[], schema: SchemaNode): PlatformError {
  const messages = issues.map((issue) => describe(issue, merged, layers, schema));
  const [first] = issues;
  const path = first === undefined ? '' : pathText(first.code === 'unrecognized_keys' ? [...first.path, first.keys[0] ?? ''] : first.path);
  return new PlatformError('CONFIG_INVALID', messages.join('\n'), { path, source: first === undefined ? undefined : sourceOf(first.path, layers) });
}

function describe(issue: z.core.$ZodIssue, merged: unknown, layers: readonly Layer[], schema: SchemaNode): string {
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(schemaAt(schema, issue.path)?.properties ?? {});
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      return `unknown setting '${pathText(path)}' (${sourceOf(path, layers)})${suggest(key, known)}`;
    }).join('\n');
  }
  const value = valueAt(merged, issue.path);
  const isSecret = issue.path.some((part) => part === 'uri' || part === 'replay' || part === 'fallbacks' || part === 'tokens' || part === 'credential'); // a URI may hold a password, a token is one
  const shown = isSecret || typeof value === 'object' || value === undefined ? '' : `, not ${JSON.stringify(value).slice(0, 60)}`;
  const problem = issue.message.replace(/^(Invalid|Too) /, (start) => start.toLowerCase());
  return `${pathText(issue.path)}: ${problem}${shown} (${sourceOf(issue.path, layers)})`;
}

function sourceOf(path: readonly PropertyKey[], layers: readonly Layer[]): string {
  const probe = path[0] === 'cameras' ? ['cameras'] : path; // places in the joined list are not those of a layer
  return layers.findLast((layer) => valueAt(layer.values, probe) !== undefined)?.sourceOf(path) ?? 'settings';
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? (value as Record<PropertyKey, unknown>)[key] : undefined), root);
}

function schemaAt(root: SchemaNode, path: readonly PropertyKey[]): SchemaNode | undefined {
  return path.reduce<SchemaNode | undefined>((node, key) => (typeof key === 'number' ? node?.items : node?.properties?.[String(key)]), root);
}

function pathText(path: readonly PropertyKey[]): string {
  return path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('').replace(/^\./, '');
}

function resolvePaths(config: z.output<typeof CONFIG_SCHEMA>, cwd: string): z.output<typeof CONFIG_SCHEMA> {
  return {
    ...config,
    data: resolve(cwd, config.data),
    modelOps: { ...config.modelOps, model: resolveModel(config.modelOps.model, cwd) },
    models: config.models.map((model) => ({ ...model, path: resolve(cwd, model.path) })),
    cameras: config.cameras.map((camera) => ({ ...camera, uri: resolveUri(camera.uri, cwd), fallbacks: camera.fallbacks.map((uri) => resolveUri(uri, cwd)), encoders: camera.encoders.map((each) => resolveEncoder(each, cwd)) })),
  };
}

/** A model's file made absolute; a bare word (`motion`) names a built-in model and stays. */
export function resolveModel(model: string, cwd: string): string {
  return /^[a-z0-9-]+$/.test(model) ? model : resolve(cwd, model);
}

function resolveEncoder(wish: z.output<typeof encoder>, cwd: string): z.output<typeof encoder> {
  return typeof wish === 'string' || typeof wish['file'] !== 'string' ? wish : { ...wish, file: resolve(cwd, wish['file']) };
}

/** A path made absolute; anything with a scheme (`rtsp://…`, `synthetic:…`) stays. One letter is a Windows drive, no scheme. */
export function resolveUri(uri: string, cwd: string): string {
  return /^[a-z][a-z0-9+.-]+:/i.test(uri) ? uri : resolve(cwd, uri);
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) for (const item of Object.values(Object.freeze(value))) deepFreeze(item);
  return value;
}
