import { isCameraId, type CameraId } from '../engine/units.ts';
import { resolveUri } from '../utility-ops/config/load-config.ts';
import { suggest } from '../utility-ops/nearest.ts';
import type { DiscoverAction } from './discover-cameras.ts';
import { defined, invalid, list, listIfGiven, number, text, words, type Values } from './flag-values.ts';
import { parseCamera } from './parse-camera.ts';

/** What is done with cameras. Bodies are those of the API. */
export type CamerasAction =
  | DiscoverAction
  | { readonly type: 'list' }
  | { readonly type: 'show' | 'remove'; readonly id: CameraId }
  | { readonly type: 'add'; readonly body: Readonly<Record<string, unknown>> }
  | { readonly type: 'change'; readonly id: CameraId; readonly patch: Readonly<Record<string, unknown>> };

const ACTIONS = ['list', 'show', 'add', 'change', 'remove', 'discover'];
/** Less is too short for cameras that answer late, as WS-Discovery has them do. */
const SECONDS = 3;

/** Reads `vto cameras ACTION [CAMERA]`. @throws PlatformError CONFIG_INVALID */
export function camerasAction(values: Values, action: string, operand: string | undefined, cwd: string): CamerasAction {
  const wishes = wishesOf(values, cwd);
  const defaults = list(values, 'default');
  if (action !== 'add' && action !== 'change' && Object.keys(wishes).length > 0) throw invalid(`vto cameras ${action} changes nothing: what a camera is like is said to vto cameras add and change`, 'arguments');
  if (action !== 'change' && defaults.length > 0) throw invalid('--default is for vto cameras change', 'default');
  refuseElsewhere(values, action);
  switch (action) {
    case 'discover': {
      if (operand !== undefined) throw invalid(`vto cameras discover takes no camera, but got '${operand}'`, 'arguments');
      const networkInterface = text(values, 'interface');
      return { type: 'discover', seconds: number(values, 'seconds') ?? SECONDS, ...networkInterface !== undefined && { networkInterface } };
    }
    case 'list':
      if (operand !== undefined) throw invalid(`vto cameras list takes no camera, but got '${operand}'; vto cameras show has one`, 'arguments');
      return { type: 'list' };
    case 'show': case 'remove': return { type: action, id: idOf(action, operand) };
    case 'add': {
      if (operand === undefined) throw invalid('vto cameras add needs the camera: ID=URI, or a URI or path', 'arguments');
      if (wishes['uri'] !== undefined) throw invalid('--uri is for vto cameras change: write vto cameras add ID=URI', 'uri');
      const { id, uri } = parseCamera(argumentOf(operand, text(values, 'id')), cwd, false, new Set());
      return { type: 'add', body: { id, uri, ...wishes } };
    }
    case 'change': {
      const patch = { ...wishes, ...Object.fromEntries(defaults.map(field => [field, null])) };
      if (Object.keys(patch).length === 0) throw invalid('vto cameras change needs what is to change: `vto cameras --help` lists the flags', 'arguments');
      return { type: 'change', id: idOf(action, operand), patch };
    }
    default: throw invalid(`unknown action '${action}'${suggest(action, ACTIONS)}`, 'arguments');
  }
}

/** Flags of one action alone. */
function refuseElsewhere(values: Values, action: string): void {
  for (const [flag, its] of [['id', 'add'], ['seconds', 'discover'], ['interface', 'discover']] as const) {
    if (text(values, flag) !== undefined && action !== its) throw invalid(`--${flag} is for vto cameras ${its}`, flag);
  }
}

/** The camera with the id of the flag, and with the slash before its query that URIs of devices are often written without. */
function argumentOf(operand: string, id: string | undefined): string {
  const complete = operand.replace(/^((?:[a-z0-9_-]+=)?onvif:\/\/[^/?#]*)([?#])/i, '$1/$2');
  if (id === undefined) return complete;
  if (/^[a-z0-9_-]+=/.test(operand)) throw invalid(`the id is given twice: --id ${id}, and before the = of '${operand.slice(0, operand.indexOf('='))}='`, 'id');
  return `${id}=${complete}`;
}

function idOf(action: string, operand: string | undefined): CameraId {
  if (operand === undefined) throw invalid(`vto cameras ${action} needs the id of a camera: vto cameras list has them`, 'arguments');
  if (!isCameraId(operand)) throw invalid(`'${operand}' is no id of a camera: 1 to 63 of a-z 0-9 - _, starting with a letter or digit`, 'arguments');
  return operand;
}

function wishesOf(values: Values, cwd: string): Readonly<Record<string, unknown>> {
  const [uri, detect, loop] = [text(values, 'uri'), text(values, 'detect'), text(values, 'loop')];
  return defined({
    uri: uri === undefined ? undefined : resolveUri(uri, cwd), fallbacks: listIfGiven(values, 'fallback')?.map(each => resolveUri(each, cwd)), standby: text(values, 'standby'),
    restoreAfterMs: number(values, 'restore-after-ms'), tenant: text(values, 'tenant'), priority: number(values, 'priority'), maxFps: number(values, 'max-fps'),
    detect: detect === undefined ? undefined : detect === 'yes', loop: loop === undefined ? undefined : loop === 'yes', modality: text(values, 'modality'), encoders: words(values, 'encoders'),
  });
}
