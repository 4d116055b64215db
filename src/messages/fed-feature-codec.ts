import { PlatformError } from '../engine/errors.ts';
import { featureTensorCodec } from './feature-tensor-codec.ts';
import type { FedFeature } from './feature-tensor.ts';

/** One byte of flags, then the feed as a double, then the tensor. */
const FRONT_BYTES = 9;
const ACCOUNTED = 1;
const RECOVERED = 2;

/** Form of fed features on the link to a vision process. */
export const fedFeatureCodec = {
  encode({ tensor, feed, isAccounted, isRecovered }: FedFeature): { readonly head: Uint8Array; readonly payload?: Uint8Array } {
    const { head, payload } = featureTensorCodec.encode(tensor);
    const front = Buffer.alloc(FRONT_BYTES);
    front.writeUInt8((isAccounted ? ACCOUNTED : 0) | (isRecovered ? RECOVERED : 0));
    front.writeDoubleLE(feed, 1);
    return { head: Buffer.concat([front, head]), ...payload === undefined ? {} : { payload } };
  },

  /** @throws PlatformError LINK_INVALID when the bytes are not such a feature */
  decode(head: Uint8Array, payload: Uint8Array): FedFeature {
    if (head.byteLength < FRONT_BYTES) throw new PlatformError('LINK_INVALID', `a fed feature of ${head.byteLength} bytes is too short`);
    const front = Buffer.from(head.buffer, head.byteOffset, FRONT_BYTES);
    const flags = front.readUInt8();
    const tensor = featureTensorCodec.decode(head.subarray(FRONT_BYTES), payload);
    return { camera: tensor.camera, tensor, isAccounted: (flags & ACCOUNTED) > 0, isRecovered: (flags & RECOVERED) > 0, feed: front.readDoubleLE(1) };
  },
};
