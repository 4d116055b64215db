import type { CameraId } from '../../src/engine/units.ts';
import { CameraEncoders } from '../../src/feature-ops/camera-encoders.ts';
import { FeatureFactory } from '../../src/feature-ops/feature-factory.ts';
import type { DetectorOptions } from '../../src/inference/detector-model.ts';
import { createRasterReader } from '../../src/media/index.ts';
import type { EncodingWish } from '../../src/messages/desired-camera.ts';
import type { RoleContext } from '../process/role-process.ts';

/** The encoders of a vision process, and how to change what a camera wants of them. */
export interface VisionEncoders {
  readonly of: CameraEncoders;
  want(camera: CameraId, wishes: readonly EncodingWish[]): void;
}

/** Makes them, on the execution providers of the model; nothing is loaded before a camera needs it. */
export function cameraEncoders({ providers }: Pick<DetectorOptions, 'providers'>, wishes: Map<string, readonly EncodingWish[]>, ctx: Pick<RoleContext, 'log'>): VisionEncoders {
  const of = new CameraEncoders({
    open: (modality, { name, options }) => FeatureFactory.create().withModality(modality).withEncoding(name, options)
      .withProviders(providers, { warn: (fields, text) => ctx.log.warn(fields, text) }).instantiate(),
    createReader: createRasterReader,
    wishesOf: camera => wishes.get(camera) ?? [],
    onRefused: (camera, encoder, { code, message }) => ctx.log.warn({ camera, encoder, code, reason: message }, 'feature cannot be computed'),
  });
  return {
    of,
    want(camera, wanted) {
      wishes.set(camera, wanted);
      of.want(camera, wanted);
    },
  };
}
