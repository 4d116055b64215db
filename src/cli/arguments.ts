import { resolve } from 'node:path';
import { parseArgs, type ParseArgsConfig } from 'node:util';
import type { PlatformError } from '../engine/errors.ts';
import type { SampleSettings } from '../ingress/sample-meaning.ts';
import { resolveModel, resolveUri } from '../utility-ops/config/load-config.ts';
import type { ConfigInput } from '../utility-ops/config/schema.ts';
import { nearest, suggest } from '../utility-ops/nearest.ts';
import { camerasAction, type CamerasAction } from './cameras-arguments.ts';
import { COMMANDS, type CommandName, type CommandRow, type FlagRow } from './flags.ts';
import { defined, invalid, list, listIfGiven, number, text, words, type Values } from './flag-values.ts';
import { parseCamera } from './parse-camera.ts';
import { platformAddress, type PlatformAddress } from './ask-platform.ts';

/** What the user asked for. Paths are absolute. `flags` is the strongest layer of the settings. */
export type Invocation =
  | { readonly command: 'start'; readonly configFiles: readonly string[]; readonly flags: ConfigInput; readonly labelsFile?: string; readonly hasTable: boolean }
  | { readonly command: 'infer'; readonly input: string; readonly configFiles: readonly string[]; readonly flags: ConfigInput; readonly labelsFile?: string; readonly format: OutputFormat; readonly out?: string; readonly every: number; readonly maxFps: number; readonly samples?: SampleSettings }
  | { readonly command: 'verify'; readonly configFiles: readonly string[]; readonly flags: ConfigInput; readonly isLedgerOnly: boolean; readonly topics?: { readonly waitMs: number; readonly format: 'table' | 'json' } }
  | { readonly command: 'dead-letters'; readonly configFiles: readonly string[]; readonly flags: ConfigInput; readonly action: DeadLetterAction }
  | { readonly command: 'doctor'; readonly configFiles: readonly string[]; readonly flags: ConfigInput; readonly labelsFile?: string }
  | { readonly command: 'models'; readonly action: ModelsAction; readonly isJson: boolean }
  | { readonly command: 'cameras'; readonly action: CamerasAction; readonly at: PlatformAddress; readonly isJson: boolean }
  | { readonly command: 'help'; readonly topic?: CommandName }
  | { readonly command: 'version' };

/** What is done with dead letters. */
export type DeadLetterAction =
  | { readonly type: 'list'; readonly format: 'table' | 'ndjson'; readonly max: number }
  | { readonly type: 'retry'; readonly wanted: 'all' | { readonly partition: number; readonly offset: number }; readonly isForced: boolean };

/** What is done with models. */
export type ModelsAction =
  | { readonly type: 'inspect'; readonly file: string; readonly family: string; readonly size: readonly number[] }
  | { readonly type: 'list'; readonly at: PlatformAddress }
  | { readonly type: 'use'; readonly model: string; readonly at: PlatformAddress };

/** Forms that `vto infer` writes. */
export type OutputFormat = 'ndjson' | 'coco' | 'mot';

/**
 * Reads the arguments behind `vto`.
 * @param cwd folder of the user: INIT_CWD under npm, else the working directory
 * @throws PlatformError CONFIG_INVALID for an unknown command or flag (naming the nearest) or a wrong value
 */
export function parseArguments(args: readonly string[], cwd: string): Invocation {
  const [first = 'help', ...rest] = args;
  if (first === '--help' || first === '-h') return { command: 'help' };
  if (first === '--version' || first === '-v') return { command: 'version' };
  if (!isCommand(first)) throw invalid(`unknown command '${first}'${suggest(first, Object.keys(COMMANDS))}`, first);
  if (rest.some((text, index) => (text === '--help' || text === '-h') && !rest.slice(0, index).includes('--'))) return { command: 'help', topic: first };
  const { values, positional, operand } = parseFlags(first, rest);
  switch (first) {
    case 'start': return start(values, cwd);
    case 'infer': return infer(values, positional ?? '', cwd);
    case 'verify': return verify(values, cwd);
    case 'dead-letters': return { command: 'dead-letters', configFiles: files(values, cwd), flags: { kafka: defined({ brokers: words(values, 'kafka') }) }, action: deadLetterAction(values, positional ?? '') };
    case 'doctor': return { command: 'doctor', configFiles: files(values, cwd), flags: { modelOps: modelFlags(values, cwd), kafka: defined({ brokers: words(values, 'kafka') }) }, ...labelsFile(values, cwd) };
    case 'models': return { command: 'models', action: modelsAction(values, positional ?? '', operand, cwd), isJson: values['json'] === true };
    case 'cameras': return { command: 'cameras', action: camerasAction(values, positional ?? '', operand, cwd), at: platformAddress(values), isJson: values['json'] === true };
    case 'help':
      if (positional === undefined) return { command: 'help' };
      if (!isCommand(positional)) throw invalid(`unknown command '${positional}'${suggest(positional, Object.keys(COMMANDS))}`, positional);
      return { command: 'help', topic: positional };
    case 'version': return { command: 'version' };
  }
}

/** The folder that relative paths of the user are relative to: `npm start` changes the working directory and keeps the user's in INIT_CWD. */
export function userFolder(environment: Readonly<Record<string, string | undefined>>, workingFolder: string): string {
  return environment['npm_lifecycle_event'] === 'start' ? environment['INIT_CWD'] ?? workingFolder : workingFolder;
}

function isCommand(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name);
}

function parseFlags(name: CommandName, args: readonly string[]): { values: Values; positional?: string; operand?: string } {
  const command: CommandRow = COMMANDS[name];
  const options: NonNullable<ParseArgsConfig['options']> = {};
  for (const [flag, row] of Object.entries(command.flags)) options[flag] = { type: row.kind === 'switch' ? 'boolean' : 'string', multiple: row.isRepeatable === true };
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });
  const values: Record<string, string | boolean | string[]> = {};
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind === 'option') addOption(name, command, values, token);
  }
  const wanted = [command.positional, command.operand].filter(argument => argument !== undefined);
  const most = wanted.length;
  if (positionals.length > most) throw invalid(`vto ${name} takes ${['no argument', 'one argument', 'two arguments'][most]} besides flags, but got '${positionals[most]}'`, 'arguments');
  const missing = wanted.find((argument, index) => argument.isRequired && index >= positionals.length);
  if (missing) throw invalid(`vto ${name} needs ${missing.name}: ${missing.help}`, 'arguments');
  const [positional, operand] = positionals;
  return { values, ...(positional === undefined ? {} : { positional }), ...(operand === undefined ? {} : { operand }) };
}

interface OptionToken { readonly name: string; readonly rawName: string; readonly value: string | undefined }

function addOption(name: CommandName, command: CommandRow, values: Record<string, string | boolean | string[]>, { name: flag, rawName, value }: OptionToken): void {
  const row = Object.hasOwn(command.flags, flag) ? command.flags[flag] : undefined;
  if (row === undefined) throw unknownFlag(name, command, flag, rawName);
  if (row.kind === 'switch') {
    if (value !== undefined) throw invalid(`--${flag} takes no value`, flag);
    values[flag] = true;
    return;
  }
  if (value === undefined || value === '' || /^--[a-z]/.test(value)) throw invalid(`--${flag} needs a value: ${row.value ?? 'VALUE'}, ${row.help}`, flag);
  check(flag, row, value);
  if (row.isRepeatable === true) values[flag] = [...(values[flag] as string[] | undefined ?? []), value];
  else if (values[flag] !== undefined) throw invalid(`--${flag} is given twice`, flag);
  else values[flag] = value;
}

function check(flag: string, { kind, range, choices }: FlagRow, value: string): void {
  if (choices !== undefined && !choices.includes(value)) throw invalid(`--${flag}: unknown value '${value}'${suggest(value, choices)}`, flag);
  if (kind !== 'number') return;
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number)) throw invalid(`--${flag} must be a number, not '${value}'`, flag);
  if (range !== undefined && (number < range[0] || number > range[1])) throw invalid(`--${flag} must be from ${range[0]} to ${range[1]}, not ${value}`, flag);
}

function unknownFlag(name: CommandName, command: CommandRow, flag: string, rawName: string): PlatformError {
  const elsewhere = Object.entries(COMMANDS).filter(([, other]) => Object.hasOwn(other.flags, flag)).map(([other]) => `vto ${other}`);
  const near = nearest(flag, Object.keys(command.flags));
  const hint = elsewhere.length > 0 ? `; it belongs to ${elsewhere.join(', ')}` : near === undefined ? '' : `; did you mean --${near}?`;
  return invalid(`vto ${name} knows no flag ${rawName}${hint}; \`vto ${name} --help\` lists its flags`, flag);
}

function start(values: Values, cwd: string): Invocation {
  const isLooping = values['loop'] === true;
  const taken = new Set<string>();
  const cameras = list(values, 'camera').map((text) => parseCamera(text, cwd, isLooping, taken));
  return {
    command: 'start', configFiles: files(values, cwd), hasTable: values['no-table'] !== true, ...labelsFile(values, cwd),
    flags: {
      ...dataFlags(values, cwd),
      ...(cameras.length === 0 ? {} : { cameras }),
      ingress: defined({ maxFps: number(values, 'max-fps') }),
      ...rolesFlag(values),
      kafka: defined({ brokers: words(values, 'kafka') }),
      modelOps: modelFlags(values, cwd),
      serving: defined({ httpHost: text(values, 'host'), httpPort: number(values, 'port'), allowStreams: listIfGiven(values, 'allow-stream') }),
      utilityOps: defined({ logLevel: text(values, 'log') as 'info' | undefined }), // one of the flag's choices
    },
  };
}

function infer(values: Values, input: string, cwd: string): Invocation {
  const out = text(values, 'out');
  const every = number(values, 'every') ?? 1;
  if (!Number.isInteger(every)) throw invalid(`--every must be a whole number, not ${every}`, 'every');
  return {
    command: 'infer', input: resolveUri(input, cwd), configFiles: files(values, cwd), flags: { modelOps: modelFlags(values, cwd), ...(values['track'] === true ? { vision: { tracker: 'byte-track' } } : {}) }, ...labelsFile(values, cwd),
    format: (text(values, 'format') ?? 'ndjson') as OutputFormat, // one of the flag's choices
    ...(out === undefined || out === '-' ? {} : { out: resolve(cwd, out) }), every, maxFps: number(values, 'max-fps') ?? 0,
    ...samplesFlags(values),
  };
}

function samplesFlags(values: Values): { readonly samples?: SampleSettings } {
  const modality = (text(values, 'modality') ?? 'auto') as SampleSettings['modality'] | 'auto'; // one of the flag's choices
  const said = text(values, 'range');
  const [black = Number.NaN, white = Number.NaN, ...more] = said?.split(',').map(Number) ?? [0, 1];
  if (!(black < white) || more.length > 0) throw invalid(`--range takes two numbers, the lower one first, like 0.5,4, not ${said}`, 'range');
  if (modality === 'auto' && said === undefined) return {};
  return { samples: { modality: modality === 'auto' ? null : modality, metresPerStep: null, range: said === undefined ? null : [black, white] } };
}

function verify(values: Values, cwd: string): Invocation {
  const brokers = words(values, 'kafka');
  const [isLedgerOnly, wait, format] = [values['ledger-only'] === true, number(values, 'wait'), text(values, 'format')];
  if (brokers === undefined && (wait !== undefined || format !== undefined)) throw invalid('--wait and --format are for the topics of a cluster: name a broker with --kafka', 'kafka');
  if (brokers !== undefined && (isLedgerOnly || values['data'] !== undefined)) throw invalid('--kafka checks topics, --data and --ledger-only the files of a machine: give one or the other', 'kafka');
  return {
    command: 'verify', configFiles: files(values, cwd), isLedgerOnly, flags: { ...dataFlags(values, cwd), ...(brokers === undefined ? {} : { kafka: { brokers } }) },
    ...(brokers === undefined ? {} : { topics: { waitMs: (wait ?? 0) * 1000, format: format === 'json' ? 'json' : 'table' } as const }),
  };
}

function deadLetterAction(values: Values, action: string): DeadLetterAction {
  const place = { partition: number(values, 'partition'), offset: number(values, 'offset') };
  const [isAll, isForced] = [values['all'] === true, values['force'] === true];
  switch (action) {
    case 'list':
      if (isAll || isForced || place.partition !== undefined || place.offset !== undefined) throw invalid('--partition, --offset, --all and --force are for vto dead-letters retry', 'arguments');
      return { type: 'list', format: text(values, 'format') === 'ndjson' ? 'ndjson' : 'table', max: number(values, 'max') ?? 100 };
    case 'retry': {
      if (text(values, 'format') !== undefined || text(values, 'max') !== undefined) throw invalid('--format and --max are for vto dead-letters list', 'arguments');
      const { partition, offset } = place;
      if (isAll && partition === undefined && offset === undefined) return { type: 'retry', wanted: 'all', isForced };
      if (isAll || partition === undefined || offset === undefined) throw invalid('name one letter with --partition and --offset, or all of them with --all', 'offset');
      return { type: 'retry', wanted: { partition, offset }, isForced };
    }
    default: throw invalid(`unknown action '${action}'${suggest(action, ['list', 'retry'])}`, 'arguments');
  }
}

function modelsAction(values: Values, action: string, operand: string | undefined, cwd: string): ModelsAction {
  const at = platformAddress(values);
  if (action === 'inspect' && values['url'] !== undefined) throw invalid('--url is for vto models list and use', 'url');
  if (action !== 'inspect' && (values['family'] !== undefined || values['size'] !== undefined)) throw invalid('--family and --size are for vto models inspect', 'family');
  switch (action) {
    case 'inspect':
      if (operand === undefined) throw invalid('vto models inspect needs the ONNX file', 'arguments');
      return { type: 'inspect', file: resolve(cwd, operand), family: text(values, 'family') ?? 'auto', size: size(values) ?? [] };
    case 'list':
      if (operand !== undefined) throw invalid(`vto models list takes no argument, but got '${operand}'`, 'arguments');
      return { type: 'list', at };
    case 'use':
      if (operand === undefined) throw invalid('vto models use needs the model: NAME@VERSION', 'arguments');
      return { type: 'use', model: operand, at };
    default: throw invalid(`unknown action '${action}'${suggest(action, ['inspect', 'list', 'use'])}`, 'arguments');
  }
}

function modelFlags(values: Values, cwd: string): NonNullable<ConfigInput['modelOps']> {
  const model = text(values, 'model');
  return defined({
    model: model === undefined ? undefined : resolveModel(model, cwd), family: text(values, 'family'), scoreMin: number(values, 'score-min'), iouMax: number(values, 'iou-max'),
    providers: listIfGiven(values, 'provider'), inputSize: size(values),
  });
}

/** `640x384` as width and height. */
function size(values: Values): number[] | undefined {
  const given = text(values, 'size');
  if (given === undefined) return undefined;
  const [, width, height] = /^(\d+)x(\d+)$/i.exec(given) ?? [];
  if (width === undefined || height === undefined) throw invalid(`--size must be WIDTHxHEIGHT, not '${given}'`, 'size');
  return [Number(width), Number(height)];
}

function dataFlags(values: Values, cwd: string): { data?: string } {
  const data = text(values, 'data');
  return data === undefined ? {} : { data: resolve(cwd, data) };
}

/** The schema refuses words that are no roles, naming those there are. */
function rolesFlag(values: Values): { roles?: ConfigInput['roles'] } {
  const roles = words(values, 'roles');
  return roles === undefined ? {} : { roles: roles as NonNullable<ConfigInput['roles']> };
}

function labelsFile(values: Values, cwd: string): { labelsFile?: string } {
  const file = text(values, 'labels');
  return file === undefined ? {} : { labelsFile: resolve(cwd, file) };
}

function files(values: Values, cwd: string): readonly string[] {
  return list(values, 'config').map((file) => resolve(cwd, file));
}
