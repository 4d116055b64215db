import { PlatformError } from '../engine/errors.ts';
import { isCameraId, type CameraId, type EpochMicros } from '../engine/units.ts';
import type { WireFormat } from './wire-format.ts';

/** What CloudEvents says of a body, besides what its topic says. */
export interface EventIdentity {
  /** The same for the same record however often it is written, and for no other of its topic. */
  readonly id: string;
  /** Follows the record's name in `ce_type`, where a topic carries several kinds. */
  readonly kind?: string;
  /** Event time; absent when the body has none. */
  readonly at?: EpochMicros;
}

/** How the bodies of a topic lie on the wire. */
export interface BodyMapping<Body, Head> {
  readonly wire: WireFormat<Head>;
  toWire(body: Body): Head;
  /** Bytes of the payload, in order; empty where the record has none. */
  payloadOf(body: Body): readonly Uint8Array[];
  /** The body; its bytes are views of `payload`. @throws PlatformError RECORD_INVALID when the values make no body */
  fromWire(head: Head, payload: Uint8Array): Body;
  identify(body: Body): EventIdentity;
}

/** Turns message bodies into bytes and back for a link between two processes of one version. */
export interface LinkCodec<Body> {
  /** Head, payload length (zig-zag varint) and payload in a row are the complete Avro record. */
  encode(body: Body): { readonly head: Uint8Array; readonly payload?: Uint8Array };
  /** @throws PlatformError LINK_INVALID when the bytes are not such a record */
  decode(head: Uint8Array, payload?: Uint8Array): Body;
}

const NO_PAYLOAD = new Uint8Array(0);

/** The link form of a mapping. A payload of one part is passed on without a copy. */
export function linkCodec<Body, Head>(mapping: BodyMapping<Body, Head>): LinkCodec<Body> {
  return {
    encode(body) {
      const parts = mapping.payloadOf(body);
      return { head: mapping.wire.encodeHead(mapping.toWire(body)), payload: parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts) };
    },
    decode(head, payload = NO_PAYLOAD) {
      try {
        return mapping.fromWire(mapping.wire.decodeHead(head), payload);
      } catch (error) {
        if (!(error instanceof PlatformError)) throw error;
        throw new PlatformError('LINK_INVALID', error.message, error.facts, error);
      }
    },
  };
}

/** @throws PlatformError RECORD_INVALID when `text` names no camera */
export function cameraOf(text: string): CameraId {
  if (!isCameraId(text)) throw new PlatformError('RECORD_INVALID', `record names no camera: '${text.slice(0, 80)}'`);
  return text;
}

/**
 * Black and white of an 8-bit form, from the wire.
 * @throws PlatformError RECORD_INVALID when they are not two
 */
export function rangeOf(range: readonly number[] | null): readonly [number, number] | null {
  if (range === null) return null;
  const [black, white] = range;
  if (black === undefined || white === undefined || range.length !== 2) throw new PlatformError('RECORD_INVALID', `a range of ${range.length} numbers`);
  return [black, white];
}
