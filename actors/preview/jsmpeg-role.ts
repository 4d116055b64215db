import { PlatformError, reportError, type ErrorReport } from '../../src/engine/errors.ts';
import { untilAborted } from '../../src/engine/timers.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { LiveItem } from '../../src/messages/live-item.ts';
import { connectIpc } from '../../src/transports/ipc/connect-ipc.ts';
import { listenIpc } from '../../src/transports/ipc/listen-ipc.ts';
import type { DeskQuestion } from '../ingest/desk.ts';
import { LIVE_METHODS } from '../ingest/live-methods.ts';
import type { RoleContext } from '../process/role-process.ts';
import { POLICIES } from '../tree.ts';
import { transcode } from './transcode.ts';
import { jsmpegHeader, ViewerQueues } from './viewer-queue.ts';

/** Settings of the process that makes the pictures of one camera for old players. */
export interface JsmpegSettings {
  readonly camera: CameraId;
  /** Where the process that runs the camera answers. */
  readonly deskSocket: string;
  /** Where viewers are served. */
  readonly socket: string;
}

/** Tells that no pictures can be made; told once until some were. */
export interface JsmpegNote { readonly type: 'failed'; readonly error: ErrorReport }

/** Method of its socket: the stream of a viewer. */
export const JSMPEG_METHOD = 'watch';

/** Encoded pictures in, MPEG-1 for JSMpeg players out, by ffmpeg under node-rtsp-stream. Runs only while somebody watches. */
export async function jsmpegRole(settings: unknown, ctx: RoleContext): Promise<void> {
  const { camera, deskSocket, socket } = settings as JsmpegSettings; // sent by the root of the same version
  const { clock, random, log } = ctx;
  const desk = connectIpc({ path: deskSocket, clock, random, backoffMs: 10, backoffMaxMs: 200 });
  const viewers = new ViewerQueues();
  const server = await listenIpc({ path: socket, clock, random, onError: error => log.warn({ error: reportError(error) }, 'link error') });
  server.handleStream(JSMPEG_METHOD, (_params, signal) => viewers.open(signal));
  let hasTold = false;
  const items = (signal: AbortSignal): AsyncIterable<LiveItem> => desk.stream(LIVE_METHODS.watch, { camera, params: undefined } satisfies DeskQuestion, signal) as AsyncIterable<LiveItem>; // told by the ingest role of the same version
  ctx.system.supervise({
    name: 'ffmpeg',
    run: async child => {
      let hasBegun = false;
      try {
        for (;;) {
          await transcode({
            items, clock, onStart: ({ pid }) => { child.status(`process ${String(pid)}`); hasBegun = false; },
            onBytes: (bytes, { size }) => {
              if (!hasBegun && size !== undefined) { viewers.begin(jsmpegHeader(size)); hasBegun = true; hasTold = false; }
              viewers.give(bytes);
            },
          }, child.signal);
        }
      } catch (error) {
        if (child.signal.aborted) return;
        if (error instanceof PlatformError && error.code === 'FFMPEG_MISSING') {
          viewers.fail(error);
          if (!hasTold) ctx.note({ type: 'failed', error: reportError(error) } satisfies JsmpegNote);
          hasTold = true;
        }
        throw error;
      }
    },
  }, POLICIES.ffmpeg);
  ctx.ready();
  await untilAborted(ctx.signal);
  await ctx.system.stop();
  await Promise.all([server.close(), desk.close()]);
}
