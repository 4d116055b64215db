import { z } from 'zod';
import { PlatformError } from '../engine/errors.ts';
import { definePlugin } from '../engine/registry.ts';
import type { PluginEntry } from '../engine/registry.ts';
import type { PacketReader } from '../media/types.ts';
import { encodeLogin, uriLabel } from '../utility-ops/redact-uri.ts';
import { away, doorOf, knock as overNetwork } from './knock.ts';
import { liveSession } from './live-session.ts';
import type { SourceDeps } from './source-deps.ts';
import type { Source } from './source.ts';

const TRANSPORTS = ['tcp', 'udp'] as const;
type Transport = (typeof TRANSPORTS)[number];

const options = z.strictObject({
  transport: z.enum(TRANSPORTS).default('tcp').describe('How RTP travels, where the URI does not end in `#transport=…`. Over UDP a lost packet damages pictures without any mark; use it only where the camera has no TCP.'),
  stallMs: z.int().min(100).max(86_400_000).default(1800).describe('No picture for this long means the camera hangs; raise it for cameras below one picture a second.'),
  openTimeoutMs: z.int().min(100).max(86_400_000).default(5000).describe('Connecting, and after it waiting for the first picture, may take this long each.'),
  keyTimeoutMs: z.int().min(500).max(600_000).default(30_000).describe('A session begins with a key frame; one must come within this time. Raise it above the camera\'s key frame interval.'),
  clockOffsetMaxMs: z.int().min(0).max(3_600_000).default(200).describe('The camera\'s clock is believed while pictures arrive after the time it gives them and by no more than this, which encoding and the network take; 0: never. Else the steady time stamps of the stream are put to the earliest arrivals.'),
  clockJitterMaxMs: z.int().min(0).max(60_000).default(100).describe('The camera\'s clock is believed while it changes against its own time stamps by no more than this in five seconds.'),
});

/** Readers that were left behind blocked, per camera, before a new connection waits for one of them to end. */
const LEFT_BEHIND_MAX = 2;

/** A camera that says nothing within this share of the time for opening is not worth a thread that waits for it. */
const KNOCK_SHARE = 0.4;

/** A camera over RTSP 1.0 (RFC 2326). Opening asks first whether it is there, which costs next to nothing where it is not; trying again is left to whoever opens sessions. */
export const rtsp = camera('rtsp', 'A camera over RTSP: H.264, H.265 and whatever else libav takes apart.');

/** The same over TLS. */
export const rtsps = camera('rtsps', 'A camera over RTSP within TLS; the certificate is not checked, as cameras sign their own.');

function camera(type: string, summary: string): PluginEntry<Source, SourceDeps> {
  return definePlugin<Source, SourceDeps, typeof options>({
    type, summary, options,
    examples: [{}, { stallMs: 5000, clockOffsetMaxMs: 1000 }],
    create(chosen, { uri, ctx, media, knock = overNetwork }) {
      const address = addressOf(uri);
      const transport = address.transport ?? chosen.transport;
      if (type === 'rtsps' && transport === 'udp') throw new PlatformError('CONFIG_INVALID', `${uriLabel(address.uri)}: RTSP within TLS has no transport 'udp'`, { transport });
      const label = uriLabel(address.uri);
      const door = doorOf(address.uri, ctx.clock);
      const leftBehind = new Set<Promise<void>>();
      const leave = (ending: Promise<void>): void => {
        leftBehind.add(ending);
        void ending.finally(() => leftBehind.delete(ending));
      };
      const connect = async (signal: AbortSignal): Promise<PacketReader> => {
        const opening = media.openReader({
          uri: encodeLogin(address.uri), skipProbe: true, openTimeoutMs: chosen.openTimeoutMs, signal,
          libavOptions: { rtsp_transport: transport, allowed_media_types: 'video', timeout: String(chosen.openTimeoutMs * 1000) },
        });
        return abandonable(opening.catch((error: unknown) => { throw passing(error, { label, transport }); }), { signal, leave, isLate: ctx.clock.sleep.bind(ctx.clock, chosen.openTimeoutMs), label, limitMs: chosen.openTimeoutMs });
      };
      return {
        label,
        async open(signal) {
          if (leftBehind.size >= LEFT_BEHIND_MAX) await freed(leftBehind, { label, clock: ctx.clock, limitMs: chosen.openTimeoutMs, signal });
          if (door === undefined) throw away(label, 'it names no host, or no port that can be');
          await knock({ label, door, clock: ctx.clock, limitMs: chosen.openTimeoutMs * KNOCK_SHARE, signal });
          return liveSession({ ...chosen, label, clock: ctx.clock, media, leave }, await connect(signal));
        },
      };
    },
  });
}

/**
 * The address of the camera and what its fragment says, which no camera is sent (RFC 3986, 3.5).
 * @throws PlatformError CONFIG_INVALID for another transport
 */
function addressOf(uri: string): { readonly uri: string; readonly transport: Transport | undefined } {
  const [whole, said] = /#transport=([^#@/]*)$/i.exec(uri) ?? [];
  if (whole === undefined || said === undefined) return { uri, transport: undefined };
  const transport = TRANSPORTS.find((known) => known === said.toLowerCase());
  if (transport === undefined) throw new PlatformError('CONFIG_INVALID', `unknown transport '${said}' (known: ${TRANSPORTS.join(', ')})`, { transport: said });
  return { uri: uri.slice(0, -whole.length), transport };
}

/**
 * What a camera says while it starts up or is set up anew passes: it is tried again. One that closes the connection within the handshake
 * looks to libav like senseless bytes.
 */
function passing(error: unknown, { label, transport }: { readonly label: string; readonly transport: Transport }): unknown {
  if (error instanceof PlatformError && error.code === 'SOURCE_REFUSED' && error.facts['refused'] === 'transport') {
    const others = TRANSPORTS.filter((other) => other !== transport).map((other) => `#transport=${other}`);
    return new PlatformError('SOURCE_REFUSED', `${label} does not send over ${transport}; another way may be named: ${others.join(', ')}`, error.facts, error);
  }
  if (!(error instanceof PlatformError) || error.code !== 'MEDIA_INVALID') return error;
  if (error.facts['libav'] !== undefined) return new PlatformError('SOURCE_UNREACHABLE', `${label} broke off the handshake`, error.facts, error);
  return new PlatformError('SOURCE_REFUSED', `${label} offers no video`, error.facts, error);
}

interface Opening {
  readonly signal: AbortSignal;
  readonly label: string;
  readonly limitMs: number;
  leave(ending: Promise<void>): void;
  isLate(signal: AbortSignal): Promise<void>;
}

/** Waits for a reader no longer than allowed even when libav blocks; one that opens too late is closed when it does. */
async function abandonable(opening: Promise<PacketReader>, { signal, label, limitMs, leave, isLate }: Opening): Promise<PacketReader> {
  const over = new AbortController();
  const late = isLate(AbortSignal.any([signal, over.signal])).then((): never => {
    throw new PlatformError('SOURCE_UNREACHABLE', `${label} did not open within ${limitMs} ms`, { limitMs });
  });
  late.catch(() => { /* the loser of the race has no reader */ });
  let isTaken = false;
  try {
    const reader = await Promise.race([opening, late]);
    isTaken = true;
    return reader;
  } finally {
    over.abort();
    if (!isTaken) leave(opening.then((reader) => reader.close(), () => undefined));
  }
}

interface Freeing { readonly label: string; readonly limitMs: number; readonly signal: AbortSignal; readonly clock: SourceDeps['ctx']['clock'] }

/** Waits until one of the readers left behind has ended, so that a camera that blocks them cannot collect threads. */
async function freed(leftBehind: ReadonlySet<Promise<void>>, { label, limitMs, signal, clock }: Freeing): Promise<void> {
  const over = new AbortController();
  const late = clock.sleep(limitMs, AbortSignal.any([signal, over.signal])).then((): never => {
    throw new PlatformError('SOURCE_UNREACHABLE', `${leftBehind.size} earlier connections to ${label} have not ended after ${limitMs} ms`, { limitMs });
  });
  late.catch(() => { /* the loser of the race has no reader */ });
  try {
    await Promise.race([...leftBehind, late]);
  } finally {
    over.abort();
  }
}

/** Options of cameras over RTSP, for sources that lead to one. */
export const rtspOptions = options;
