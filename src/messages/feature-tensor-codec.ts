import { PlatformError } from '../engine/errors.ts';
import { epochMicros } from '../engine/units.ts';
import { cameraOf, linkCodec, type BodyMapping } from './body-mapping.ts';
import type { FeatureTensor } from './feature-tensor.ts';
import { WIRE_FORMATS, type FeatureTensorWire, type PictureGeometryWire } from './generated/wire.ts';

type Head = Omit<FeatureTensorWire, 'payload'>;

const MODALITIES = ['rgb', 'depth', 'thermal'] as const;
const DTYPES = ['uint8', 'float32'] as const;
const ENCODINGS = ['raw', 'zstd', 'delta-zstd'] as const;

/** How feature tensors lie on the wire. */
export const FEATURE_TENSOR: BodyMapping<FeatureTensor, Head> = {
  wire: WIRE_FORMATS.features,
  toWire: ({ payload: _payload, ...tensor }) => ({ ...tensor, capturedAt: Math.round(tensor.capturedAt), arrivedAt: Math.round(tensor.arrivedAt) }),
  payloadOf: ({ payload }) => [payload],
  fromWire: (head, payload) => ({
    camera: cameraOf(head.camera), epoch: head.epoch, frameSeq: head.frameSeq, capturedAt: epochMicros(head.capturedAt), arrivedAt: epochMicros(head.arrivedAt),
    ptsSeconds: head.ptsSeconds, modality: oneOf(head.modality, MODALITIES), encoder: head.encoder, dtype: oneOf(head.dtype, DTYPES), shape: shapeOf(head.shape),
    geometry: head.geometry && geometryOf(head.geometry), decodeMs: head.decodeMs, encoding: oneOf(head.encoding, ENCODINGS), baseSeq: head.baseSeq, payload,
  }),
  identify: ({ camera, epoch, frameSeq, encoder, capturedAt }) => ({ id: `${camera}/${epoch}/${frameSeq}/${encoder}`, at: capturedAt }),
};

/** Avro form of feature tensors on a link. */
export const featureTensorCodec = linkCodec(FEATURE_TENSOR);

function oneOf<Name extends string>(name: string, known: readonly Name[]): Name {
  const found = known.find((one) => one === name);
  if (found === undefined) throw new PlatformError('RECORD_INVALID', `feature tensor with '${name.slice(0, 80)}', which is none of ${known.join(', ')}`);
  return found;
}

function shapeOf(shape: readonly number[]): readonly number[] {
  if (shape.some((size) => size < 0)) throw new PlatformError('RECORD_INVALID', `feature tensor of shape [${shape.slice(0, 8).join(', ')}]`);
  return shape;
}

function geometryOf({ scaleX, scaleY, padX, padY, sourceWidth, sourceHeight }: PictureGeometryWire): PictureGeometryWire {
  return { scaleX, scaleY, padX, padY, sourceWidth, sourceHeight };
}
