import { epochMicros } from '../engine/units.ts';
import type { BodyMapping } from './body-mapping.ts';
import type { DesiredModel } from './desired-model.ts';
import { WIRE_FORMATS, type DesiredModelWire } from './generated/wire.ts';

/** How the model that is wanted lies on the wire. */
export const DESIRED_MODEL: BodyMapping<DesiredModel, DesiredModelWire> = {
  wire: WIRE_FORMATS.models,
  toWire: ({ model, at }) => ({ model, at: Math.round(at) }),
  payloadOf: () => [],
  fromWire: ({ model, at }) => ({ model, at: epochMicros(at) }),
  identify: ({ model, at }) => ({ id: `${model}/${at}`, at }),
};
