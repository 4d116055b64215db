import { createHash } from 'node:crypto';
import { PlatformError } from '../engine/errors.ts';
import { epochMicros } from '../engine/units.ts';
import { cameraOf, type BodyMapping } from './body-mapping.ts';
import { WIRE_FORMATS, type PlatformEventWire } from './generated/wire.ts';
import type { PlatformEvent } from './platform-event.ts';

type EventOf<Type extends PlatformEvent['type']> = Extract<PlatformEvent, { type: Type }>;

const CAMERA_STATES = ['connecting', 'waiting', 'live', 'retrying', 'ended', 'failed', 'removed'] as const satisfies readonly EventOf<'camera-state'>['state'][];
const PROCESS_STATES = ['started', 'ready', 'exited', 'stopped', 'escalated'] as const satisfies readonly EventOf<'process'>['state'][];

const MODEL_STATES = ['active', 'refused'] as const satisfies readonly EventOf<'model'>['state'][];

const NOTHING: Omit<PlatformEventWire, 'type' | 'at'> = {
  camera: null, node: null, state: null, code: null, message: null, retryInMs: null, from: null, to: null, reason: null, file: null, cutBytes: null,
  process: null, generation: null, epoch: null, received: null, model: null, fromSource: null, toSource: null,
};

/** How events lie on the wire. */
export const PLATFORM_EVENT: BodyMapping<PlatformEvent, PlatformEventWire> = {
  wire: WIRE_FORMATS.events,
  toWire(event) {
    if (event.type === 'backfilled') {
      const { frames, ...said } = event;
      return { ...NOTHING, ...said, at: Math.round(event.at), from: Math.round(event.from), to: Math.round(event.to), received: frames };
    }
    const wire = { ...NOTHING, ...event, at: Math.round(event.at) };
    return event.type === 'gap' ? { ...wire, from: Math.round(event.from), to: Math.round(event.to) } : wire;
  },
  payloadOf: () => [],
  fromWire(wire) {
    const event = eventOf(wire);
    return wire.node === null ? event : { ...event, node: wire.node };
  },
  identify(event) {
    const digest = createHash('sha256').update(JSON.stringify(PLATFORM_EVENT.toWire(event))).digest('hex').slice(0, 16);
    return { kind: event.type, id: `${subjectOf(event)}/${event.at}/${digest}`, at: event.at };
  },
};

function subjectOf(event: PlatformEvent): string {
  switch (event.type) {
    case 'process': return event.process;
    case 'model': return event.model;
    case 'camera-state': case 'gap': case 'backfilled': case 'failed-over': case 'restored': case 'torn-tail': case 'received': return event.camera;
  }
}

function eventOf(wire: PlatformEventWire): PlatformEvent {
  const at = epochMicros(wire.at);
  switch (wire.type) {
    case 'camera-state': return {
      type: 'camera-state', camera: cameraOf(set(wire, 'camera')), at, state: stateOf(wire, CAMERA_STATES),
      ...wire.code !== null && { code: wire.code }, ...wire.message !== null && { message: wire.message }, ...wire.retryInMs !== null && { retryInMs: wire.retryInMs },
    };
    case 'gap': return { type: 'gap', camera: cameraOf(set(wire, 'camera')), at, from: epochMicros(set(wire, 'from')), to: epochMicros(set(wire, 'to')), reason: set(wire, 'reason') };
    case 'backfilled': return { type: 'backfilled', camera: cameraOf(set(wire, 'camera')), at, from: epochMicros(set(wire, 'from')), to: epochMicros(set(wire, 'to')), frames: set(wire, 'received') };
    case 'failed-over': return {
      type: 'failed-over', camera: cameraOf(set(wire, 'camera')), at, fromSource: set(wire, 'fromSource'), toSource: set(wire, 'toSource'), reason: set(wire, 'reason'),
    };
    case 'restored': return { type: 'restored', camera: cameraOf(set(wire, 'camera')), at, fromSource: set(wire, 'fromSource'), toSource: set(wire, 'toSource') };
    case 'torn-tail': return { type: 'torn-tail', camera: cameraOf(set(wire, 'camera')), at, file: set(wire, 'file'), cutBytes: set(wire, 'cutBytes') };
    case 'process': return {
      type: 'process', at, process: set(wire, 'process'), state: stateOf(wire, PROCESS_STATES), generation: set(wire, 'generation'),
      ...wire.message !== null && { message: wire.message },
    };
    case 'model': return {
      type: 'model', at, model: set(wire, 'model'), state: stateOf(wire, MODEL_STATES), ...wire.code !== null && { code: wire.code }, ...wire.message !== null && { message: wire.message },
    };
    case 'received': return { type: 'received', camera: cameraOf(set(wire, 'camera')), at, epoch: set(wire, 'epoch'), received: set(wire, 'received'), node: set(wire, 'node') };
    default: throw new PlatformError('RECORD_INVALID', `event of unknown type '${wire.type.slice(0, 80)}'`);
  }
}

function set<Name extends keyof PlatformEventWire>(wire: PlatformEventWire, name: Name): NonNullable<PlatformEventWire[Name]> {
  const value = wire[name];
  if (value === null || value === undefined) throw new PlatformError('RECORD_INVALID', `event '${wire.type}' without ${name}`);
  return value;
}

function stateOf<State extends string>(wire: PlatformEventWire, states: readonly State[]): State {
  const found = states.find((state) => state === wire.state);
  if (found === undefined) throw new PlatformError('RECORD_INVALID', `event '${wire.type}' with state '${String(wire.state).slice(0, 80)}', which is none of ${states.join(', ')}`);
  return found;
}
