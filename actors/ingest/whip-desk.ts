import { WhipDoors } from '../../src/ingress/webrtc/whip-doors.ts';
import type { WhipPublish, WhipSession, WhipTrickle } from '../../src/serving-ops/whip-access.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import type { RoleContext } from '../process/role-process.ts';
import type { Desk } from './desk.ts';

/** True for cameras that somebody publishes to. */
export function isPublished(uri: string): boolean {
  return /^whip:/i.test(uri);
}

/** The doors of an ingest process, as the settings say. */
export function whipDoors(webrtc: Config['webrtc'], { clock }: Pick<RoleContext, 'clock'>): WhipDoors {
  return new WhipDoors({ ...webrtc, clock, connectMs: webrtc.connectTimeoutMs, keyTimeoutMs: webrtc.connectTimeoutMs });
}

/** Lets publishers in by way of the root, which passes on what they say by HTTP. */
export function serveWhip(desk: Desk, doors: WhipDoors): void {
  // Params are sent by the root of the same version.
  desk.handle('whip.publish', (camera, params) => doors.publish(camera, (params as WhipPublish).offer));
  desk.handle('whip.trickle', (camera, params) => {
    const { session, ...change } = params as WhipTrickle;
    return doors.trickle(camera, session, change);
  });
  desk.handle('whip.end', (camera, params) => doors.end(camera, (params as WhipSession).session));
}
