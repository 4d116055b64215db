import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { SourceRow } from '../../src/data-ops/camera-row.ts';
import { createSource, schemeOf } from '../../src/ingress/index.ts';
import { createLadder, type Ladder, type RungView } from '../../src/ingress/ladder.ts';
import { libavAccess } from '../../src/ingress/libav-access.ts';
import type { OnwardTimes } from '../../src/ingress/onward-times.ts';
import type { RungSource } from '../../src/ingress/rung.ts';
import type { WhipDoors } from '../../src/ingress/webrtc/whip-doors.ts';
import { CAMERA_DEFAULTS } from '../../src/messages/desired-camera.ts';
import { uriLabel } from '../../src/utility-ops/redact-uri.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import type { RoleContext } from '../process/role-process.ts';
import { isPublished } from './whip-desk.ts';

/** To the root: how the sources of a camera are that has several. */
export interface SourcesNote { readonly type: 'sources'; readonly camera: CameraId; readonly sources: readonly RungView[] }

/** Sources that have whatever is asked of them at once, and wait until they are wanted. */
const RECORDINGS: ReadonlySet<string> = new Set(['file', 'synthetic']);

/** What the sources of a camera work with, besides its row. */
export interface CameraSourceOptions {
  readonly ingress: Config['ingress'];
  /** Where publishers come in. */
  readonly doors: WhipDoors;
  /** Of the camera's ladder before. */
  readonly times: OnwardTimes | undefined;
  readonly report: (event: PlatformEvent) => void;
}

/** All sources of a camera as one, which tries them as long as the camera is wanted. */
export async function cameraSource(row: SourceRow, { ingress, doors, times, report }: CameraSourceOptions, ctx: RoleContext): Promise<Ladder> {
  const { clock, random } = ctx;
  const { stallMs, reconnectBackoffMs, reconnectBackoffMaxMs } = ingress;
  const [first, ...others] = await Promise.all([row.uri, ...row.fallbacks ?? []].map(uri => rungOf(uri, row, { ingress, doors }, ctx)));
  if (first === undefined) throw new Error(`camera '${row.id}' has no source`); // it has at least its uri
  return createLadder({
    rungs: [first, ...others], standby: row.standby ?? CAMERA_DEFAULTS.standby, restoreAfterMs: row.restoreAfterMs ?? CAMERA_DEFAULTS.restoreAfterMs,
    stallMs, backoffMs: reconnectBackoffMs, backoffMaxMs: reconnectBackoffMaxMs, clock, random, ...times && { times },
    onSwitch: ({ from, to, reason }) => {
      const change = { camera: row.id, at: clock.now(), fromSource: from, toSource: to };
      report(reason === undefined ? { type: 'restored', ...change } : { type: 'failed-over', ...change, reason });
    },
    ...others.length > 0 && { onChange: sources => ctx.note({ type: 'sources', camera: row.id, sources } satisfies SourcesNote) },
  });
}

/** A URI that no source can open is a source that fails, not a process that fails. */
async function rungOf(uri: string, row: SourceRow, { ingress, doors }: Pick<CameraSourceOptions, 'ingress' | 'doors'>, { clock, random }: RoleContext): Promise<RungSource> {
  try {
    const source = await createSource({
      uri, options: optionsOf(uri, row, { stallMs: ingress.stallMs, openTimeoutMs: ingress.connectTimeoutMs }), ctx: { clock, random }, media: libavAccess, samples: row.pictures, ...isPublished(uri) && { publishers: doors.open(row.id) },
    });
    return { source, isCamera: !RECORDINGS.has(schemeOf(uri)) };
  } catch (error) {
    return { source: { label: uriLabel(uri), open: () => Promise.reject(error) }, isCamera: true };
  }
}

function optionsOf(uri: string, row: SourceRow, rtsp: { readonly stallMs: number; readonly openTimeoutMs: number }): Record<string, unknown> {
  if (/^rtsps?:/i.test(uri)) return { ...rtsp };
  if (/^onvif:/i.test(uri)) return { ...rtsp, hasMotionEvents: row.isDetecting };
  return /^synthetic:/i.test(uri) || isPublished(uri) ? {} : { isLooping: row.isLooping, ...row.pictures?.fps && { rateHz: row.pictures.fps } };
}
