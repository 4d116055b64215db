import { z } from 'zod';
import { PlatformError } from '../engine/errors.ts';
import { definePlugin } from '../engine/registry.ts';
import { connectOnvif, type OnvifDevice } from './onvif/connect-onvif.ts';
import { chooseProfile, mediaProfiles, streamUrl, type MediaProfile } from './onvif/media-profiles.ts';
import { followMotion } from './onvif/motion-events.ts';
import { parseOnvifUri, withLogin } from './onvif/onvif-uri.ts';
import { addressBook } from './knock.ts';
import { rtsp, rtspOptions, rtsps } from './rtsp.ts';
import type { SourceDeps } from './source-deps.ts';
import type { Source, SourceSession } from './source.ts';

const options = rtspOptions.extend({
  hasMotionEvents: z.boolean().default(true).describe('Follows what the camera says of motion, where it says it: a hint to look at its pictures. It costs one waiting request.'),
  askMs: z.int().min(100).max(60_000).default(3000).describe('Each question over ONVIF may take so long.'),
});

/** Where the stream of a device is. */
interface Resolved { readonly device: OnvifDevice; readonly profile: MediaProfile; readonly profiles: readonly MediaProfile[]; readonly uri: string }

/** A camera by its ONVIF address: asked where its stream is whenever a session opens, then played over RTSP, whose options it has. */
export const onvif = definePlugin<Source, SourceDeps, typeof options>({
  type: 'onvif',
  summary: 'A camera by its ONVIF address, onvif://user:password@host/?profile=main, sub or a token: the stream is found and played over RTSP, and what the camera says of motion wakes detection.',
  options,
  examples: [{}, { hasMotionEvents: false, stallMs: 5000 }],
  create({ hasMotionEvents, askMs, ...chosen }, deps) {
    const { address, login, profile: wanted, fragment, label } = parseOnvifUri(deps.uri);
    const { clock } = deps.ctx;
    const lookup = addressBook(clock);
    const connect = (signal: AbortSignal): Promise<OnvifDevice> => connectOnvif({ address, login, label, clock, lookup, limitMs: askMs }, signal);
    let known: Resolved | undefined;
    let player: { readonly uri: string; readonly source: Source } | undefined;
    const look = async (signal: AbortSignal): Promise<Resolved> => {
      const device = await connect(signal);
      const profiles = await mediaProfiles(device, signal);
      const profile = chooseProfile(profiles, wanted, label);
      return { device, profile, profiles, uri: withLogin(await streamUrl(device, profile, signal), login) };
    };
    const playerOf = async (uri: string): Promise<Source> => {
      // The same one as long as it can be: it knows which of its readers have not ended.
      if (player?.uri !== uri) player = { uri, source: await (uri.startsWith('rtsps:') ? rtsps : rtsp).make(chosen, { ...deps, uri: `${uri}${fragment}` }, '') };
      return player.source;
    };
    return {
      label,
      async open(signal) {
        const resolved = known === undefined ? await look(signal) : await refreshed(known, signal) ?? await look(signal);
        known = resolved;
        const session = await (await playerOf(resolved.uri)).open(signal).catch((error: unknown) => {
          if (!isUnreachable(error)) known = undefined; // what is refused is looked for as a whole the next time
          throw error;
        });
        return hasMotionEvents ? withHints(session, resolved, connect) : session;
      },
      async close() { await player?.source.close?.(); },
    };
  },
});

function isUnreachable(error: unknown): boolean {
  return error instanceof PlatformError && error.code === 'SOURCE_UNREACHABLE';
}

/** The stream's place asked again, as it may have changed; undefined: everything has to be asked again. */
async function refreshed(known: Resolved, signal: AbortSignal): Promise<Resolved | undefined> {
  try {
    return { ...known, uri: withLogin(await streamUrl(known.device, known.profile, signal), known.device.login) };
  } catch (error) {
    if (signal.aborted || !(error instanceof PlatformError)) throw error;
    return isUnreachable(error) ? known : undefined; // it may play although it does not answer here
  }
}

/** The session, whose next unit is a hint whenever the camera told of motion. */
function withHints(session: SourceSession, { device, profile, profiles }: Resolved, connect: (signal: AbortSignal) => Promise<OnvifDevice>): SourceSession {
  const over = new AbortController();
  let isHint = false;
  void followMotion({ device, connect, profile, profiles, onMotion: () => { isHint = true; } }, over.signal);
  return {
    isLive: session.isLive,
    expectedUnits: session.expectedUnits,
    get unreadablePackets() { return session.unreadablePackets; },
    get lastUnreadable() { return session.lastUnreadable; },
    get clockSteps() { return session.clockSteps ?? 0; },
    async next(signal) {
      const unit = await session.next(signal);
      if (!isHint || unit === undefined) return unit;
      isHint = false;
      return { ...unit, isActivityHint: true };
    },
    close() {
      over.abort();
      return session.close();
    },
  };
}
