import { z } from 'zod';
import { PlatformError } from '../engine/errors.ts';
import { definePlugin } from '../engine/registry.ts';
import { epochMicros } from '../engine/units.ts';
import type { StreamParameters } from '../messages/stream-parameters.ts';
import { uriLabel } from '../utility-ops/redact-uri.ts';
import { cameraClock } from './camera-clock.ts';
import type { MediaAccess } from './media-access.ts';
import { parameterWatch } from './parameter-watch.ts';
import type { PublishedPicture, Publisher } from './publisher.ts';
import type { SourceDeps } from './source-deps.ts';
import type { Source, SourceSession } from './source.ts';
import { RTP_CLOCK_HZ, unwrap32 } from './webrtc/rtp-packet.ts';

const options = z.strictObject({
  clockOffsetMaxMs: z.int().min(0).max(3_600_000).default(200).describe('The publisher\'s clock is believed while pictures arrive after the time it gives them and by no more than this; 0: never. Else the time stamps of the stream are put to the earliest arrivals.'),
  clockJitterMaxMs: z.int().min(0).max(60_000).default(100).describe('The publisher\'s clock is believed while it changes against its own time stamps by no more than this in five seconds.'),
});

/** Longest time a picture is said to last, where the next one does not say. */
const DURATION_MAX = 10 * RTP_CLOCK_HZ;
const DURATION_FIRST = RTP_CLOCK_HZ / 30;

/** A browser or an encoder that publishes to `POST /whip/CAMERA` (RFC 9725). Opening waits until somebody does. */
export const whip = definePlugin<Source, SourceDeps, typeof options>({
  type: 'whip', summary: 'A browser or encoder that publishes by WebRTC (WHIP): H.264 or VP8. The camera waits for it.', options,
  examples: [{}, { clockOffsetMaxMs: 0 }],
  create(chosen, { uri, media, publishers }) {
    if (publishers === undefined) throw new PlatformError('CONFIG_INVALID', 'whip:// is a camera of `vto start`, which somebody publishes to; it cannot be read from here', { field: 'uri' });
    const label = uriLabel(uri);
    return {
      label,
      isAwaited: true,
      async open(signal) {
        const publisher = await publishers.next(signal);
        return publishedSession(publisher, media, cameraClock({ offsetMaxMs: chosen.clockOffsetMaxMs, jitterMaxMs: chosen.clockJitterMaxMs }));
      },
    };
  },
});

function publishedSession(publisher: Publisher, media: MediaAccess, senderClock: ReturnType<typeof cameraClock>): SourceSession {
  const ticks = unwrap32();
  let described: StreamParameters = {
    codec: publisher.codec, width: 0, height: 0, extradata: publisher.parameterSets, timeBase: { num: 1, den: RTP_CLOCK_HZ },
    framing: publisher.codec === 'h264' ? 'annexb' : 'raw', frameRate: 0,
  };
  const watch = parameterWatch(media, { get parameters() { return described; } });
  let lastPts: number | undefined;
  let duration = DURATION_FIRST;
  const place = (picture: PublishedPicture): { readonly pts: number; readonly duration: number } => {
    const pts = ticks(picture.timestamp);
    const step = lastPts === undefined ? 0 : pts - lastPts;
    if (step > 0 && step <= DURATION_MAX) duration = step;
    lastPts = pts;
    return { pts, duration };
  };
  return {
    isLive: true,
    expectedUnits: null,
    get unreadablePackets() { return publisher.unreadable; },
    get lastUnreadable() { return publisher.lastUnreadable; },
    get clockSteps() { return senderClock.steps; },
    async next(signal) {
      const picture = await publisher.next(signal);
      if (picture === undefined) return undefined;
      const { data, isKey, size, begunAt, arrivedAt, senderMicros } = picture;
      if (size !== undefined && (size.width !== described.width || size.height !== described.height)) described = { ...described, ...size };
      const times = place(picture);
      const unit = { data, pts: times.pts, dts: times.pts, duration: times.duration, isKey, isCorrupt: false, arrivedAt };
      const parameters = watch.changeAt({ ...unit, cameraClockMicros: senderMicros });
      const ptsMicros = times.pts * (1e6 / RTP_CLOCK_HZ);
      senderClock.see({ ptsMicros, cameraMicros: senderMicros, begunAt });
      return {
        ...unit, capturedAt: senderClock.capturedAt(ptsMicros, arrivedAt),
        ...senderMicros !== null && { cameraClock: epochMicros(senderMicros) }, ...parameters !== null && { parameters },
      };
    },
    async close() { publisher.leave(); },
  };
}
