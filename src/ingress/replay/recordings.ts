import type { EpochMicros } from '../../engine/units.ts';
import { encodeLogin, uriLabel } from '../../utility-ops/redact-uri.ts';
import type { Login } from '../login.ts';

/** Where a device replays what it recorded. */
export interface Recording {
  /** `rtsp://` or `rtsps://`. */
  readonly uri: string;
  /** Login where the URI has none. */
  readonly login: Login | undefined;
  /** The device's clock less ours, microseconds; undefined when it is not known. */
  readonly clockOffsetMicros: number | undefined;
}

/** What a device has recorded itself. */
export interface Recordings {
  /** Without login, for messages. */
  readonly label: string;
  /**
   * The recording that holds something of this time; undefined when none does.
   * @throws PlatformError MEDIA_UNSUPPORTED when the device has no recordings to replay; SOURCE_UNREACHABLE, SOURCE_REFUSED; the signal's reason
   */
  find(from: EpochMicros, to: EpochMicros, signal: AbortSignal): Promise<Recording | undefined>;
}

/** A replay address that is known (ONVIF Profile G: what GetReplayUri answers). */
export function knownRecording(uri: string): Recordings {
  const recording: Recording = { uri: encodeLogin(uri), login: undefined, clockOffsetMicros: undefined };
  return { label: uriLabel(uri), find: async () => recording };
}
