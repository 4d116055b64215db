import type { CameraId } from '../engine/units.ts';
import type { GrantedSession, IceChange } from '../ingress/webrtc/whip-doors.ts';

/** An offer of a publisher (SDP). */
export interface WhipPublish { readonly offer: string }

/** A session that was granted. */
export interface WhipSession { readonly session: string }

/** ICE of a session, as its publisher knows it: a fragment of SDP (RFC 8840), and the entity tag it was sent with, or `*`. */
export interface WhipTrickle extends WhipSession { readonly fragment: string; readonly expectedTag: string }

/** Lets publishers in (RFC 9725), wherever the camera runs. */
export interface WhipAccess {
  /** @throws PlatformError CAMERA_UNKNOWN, CAMERA_ELSEWHERE, PUBLISHING_REFUSED, SDP_INVALID, OFFER_REFUSED, PUBLISHER_EXISTS, PORT_CLOSED */
  publish(camera: CameraId, request: WhipPublish, signal: AbortSignal): Promise<GrantedSession>;
  /** @throws PlatformError PUBLISHING_UNKNOWN, ENTITY_TAG_STALE, SDP_INVALID, and as `publish` */
  trickle(camera: CameraId, request: WhipTrickle, signal: AbortSignal): Promise<IceChange>;
  /** @throws PlatformError PUBLISHING_UNKNOWN, and as `publish` */
  end(camera: CameraId, request: WhipSession, signal: AbortSignal): Promise<void>;
}
