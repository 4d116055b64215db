import type { Clock } from '../../src/engine/clock.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import type { Random } from '../../src/engine/random.ts';
import { withTimeout } from '../../src/engine/timers.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { JpegPicture } from '../../src/media/jpeg.ts';
import type { LiveItem } from '../../src/messages/live-item.ts';
import type { LiveAccess } from '../../src/serving-ops/service.ts';
import { connectIpc } from '../../src/transports/ipc/connect-ipc.ts';
import { LIVE_METHODS, type KeyFrame } from '../ingest/live-methods.ts';
import type { DeskAccess } from '../root/camera-desks.ts';
import { JPEG_METHOD, type JpegQuestion } from '../vision/jpeg-question.ts';

/** Where pictures are decoded. */
export interface PictureAccess {
  /** @throws PlatformError ROLE_ABSENT where no vision process runs; PORT_CLOSED when it goes; MEDIA_CORRUPT, MEDIA_UNSUPPORTED */
  jpeg(camera: CameraId, question: JpegQuestion, signal: AbortSignal): Promise<JpegPicture>;
}

/** Of a node that does not detect. */
export const NO_PICTURES: PictureAccess = { jpeg: () => Promise.reject(new PlatformError('ROLE_ABSENT', 'this node has no vision process to decode a picture')) };

/** A vision process that is busy with its model answers later than this only when it hangs. */
const ANSWER_MS = 10_000;

/** The vision processes of this node, asked for still pictures over a connection each time: seldom, and they come and go with their models. */
export function visionPictures(options: { readonly socketOf: (camera: CameraId) => string | undefined; readonly clock: Clock; readonly random: Random }): PictureAccess {
  const { socketOf, clock, random } = options;
  return {
    async jpeg(camera, question, signal) {
      const path = socketOf(camera);
      if (path === undefined) throw new PlatformError('ROLE_ABSENT', 'this node has no vision process to decode a picture', { camera });
      const node = connectIpc({ path, clock, random, backoffMs: 10, backoffMaxMs: 100 });
      const asked = node.call(JPEG_METHOD, question, signal);
      try {
        return await withTimeout(asked, ANSWER_MS, clock, new PlatformError('TIMED_OUT', 'no vision process decodes the picture now', { camera })) as JpegPicture; // answered by the vision role of the same version
      } finally {
        asked.catch(() => { /* told above, or too late for anybody */ });
        await node.close();
      }
    },
  };
}

/** The pictures of cameras as the gateway has them: from the desks of ingest processes, and by way of vision processes. */
export function createLiveAccess(desks: () => DeskAccess, pictures: () => PictureAccess): LiveAccess {
  return {
    async *watch(camera, signal) {
      for await (const item of desks().stream(camera, LIVE_METHODS.watch, undefined, signal)) yield item as LiveItem; // told by the ingest role of the same version
    },
    async snapshot(camera, width, signal) {
      const keyFrame = await desks().call(camera, LIVE_METHODS.keyFrame, undefined, signal) as KeyFrame; // as above
      const picture = await pictures().jpeg(camera, { keyFrame, width }, signal);
      const { epoch, unit: { frameSeq, capturedAt } } = keyFrame;
      return { ...picture, epoch, frameSeq, capturedAt };
    },
  };
}
