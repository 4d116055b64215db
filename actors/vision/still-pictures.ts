import type { JpegPicture } from '../../src/media/jpeg.ts';
import { jpegOf } from '../../src/media/index.ts';
import type { IpcNode } from '../../src/transports/ipc-types.ts';
import { JPEG_METHOD, type JpegQuestion } from './jpeg-question.ts';

/** Lets the root have still pictures: the only way by which pixels leave a vision process, and only those that somebody asked for. One at a time. */
export function serveStillPictures(node: Pick<IpcNode, 'handle'>): void {
  let queue: Promise<unknown> = Promise.resolve();
  node.handle(JPEG_METHOD, question => {
    const { keyFrame: { parameters, unit }, width } = question as JpegQuestion; // asked by the root of the same version
    const made: Promise<JpegPicture> = queue.then(() => jpegOf(parameters, unit, width));
    queue = made.catch(() => undefined);
    return made;
  });
}
