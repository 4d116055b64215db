import VideoStream from 'node-rtsp-stream';
import { PlatformError } from '../../src/engine/errors.ts';
import { deferred } from '../../src/engine/timers.ts';

/** What an encoder is made of. */
export interface Mpeg1EncoderOptions {
  /** Program to run. @default ffmpeg, found by PATH */
  readonly ffmpegPath?: string | undefined;
  /** MPEG transport stream with MPEG-1 video, as JSMpeg players take it. */
  readonly onBytes: (bytes: Uint8Array) => void;
}

/** An ffmpeg that turns fragments of MP4 into what old players show. */
export interface Mpeg1Encoder {
  /** Picture size, once ffmpeg has said it. */
  readonly size: { readonly width: number; readonly height: number } | undefined;
  /** Bytes that ffmpeg has not read yet. */
  readonly unreadBytes: number;
  readonly pid: number | undefined;
  /** Never throws: what an ended encoder is given is gone. */
  write(bytes: Uint8Array): void;
  /** Rejects when ffmpeg ends: with PlatformError FFMPEG_MISSING or PROCESS_EXITED. */
  readonly ended: Promise<never>;
  /** Ends ffmpeg at once. Idempotent. */
  kill(): void;
}

/**
 * MPEG-1 knows a few frame rates only, 25 among them: ffmpeg refuses a camera of 15 without being told one. A slower camera's pictures come when it sends them, a
 * faster one's are thinned out. No B-frames, for they delay. One thread: the pictures of old players are small, and there may be many of them.
 */
const FFMPEG_OPTIONS = {
  '-nostats': '', '-an': '', '-r': '25', '-bf': '0', '-g': '12', '-b:v': '2500k', '-vf': "scale=w='min(1280,iw)':h=-2", '-threads': '1', '-muxdelay': '0.001', '-flush_packets': '1',
} as const;

/** Of what ffmpeg says, the end is kept to tell why it ended. */
const WORDS_MAX = 2_000;

/** The package's stream, without its own server: that listens on all interfaces, lets anybody in and throws when a viewer comes before the first picture. */
class PipedStream extends VideoStream {
  override pipeStreamToSocketServer(): void { /* `camdata` is taken by whoever made it */ }
}

/** Starts ffmpeg; it reads from a pipe, so that neither an address nor a password is in its command line. */
export function startMpeg1Encoder({ ffmpegPath, onBytes }: Mpeg1EncoderOptions): Mpeg1Encoder {
  const ended = deferred<never>();
  ended.promise.catch(() => { /* awaited by who uses it, unless it was killed */ });
  let words = '';
  const stream = openStream(ffmpegPath);
  const { stream: child, mpeg1Muxer } = stream;
  // Its second listener copies all that ffmpeg says to standard error; the first reads the picture size from it.
  for (const listener of mpeg1Muxer.listeners('ffmpegStderr').slice(1)) mpeg1Muxer.off('ffmpegStderr', listener as (bytes: Buffer) => void); // made by the package for this event
  mpeg1Muxer.on('ffmpegStderr', bytes => { words = (words + bytes.toString()).slice(-WORDS_MAX); });
  stream.on('camdata', onBytes);
  child.on('error', error => ended.reject(startFailure(error)));
  child.on('exit', (code, signal) => ended.reject(new PlatformError('PROCESS_EXITED', `ffmpeg ended with ${signal ?? `code ${String(code)}`}: ${lastLine(words)}`)));
  child.stdin?.on('error', () => { /* ffmpeg has ended: `exit` says how */ });
  return {
    get size() { return stream.width === undefined || stream.height === undefined ? undefined : { width: stream.width, height: stream.height }; },
    get unreadBytes() { return child.stdin?.writableLength ?? 0; },
    get pid() { return child.pid; },
    write: bytes => { if (child.stdin?.writable === true) child.stdin.write(bytes); },
    ended: ended.promise,
    kill: () => { child.kill('SIGKILL'); },
  };
}

function openStream(ffmpegPath: string | undefined): VideoStream {
  try {
    return new PipedStream({ name: 'viewers', streamUrl: 'pipe:0', ffmpegOptions: FFMPEG_OPTIONS, ...ffmpegPath !== undefined && { ffmpegPath } });
  } catch (error) {
    throw startFailure(error); // without pipes left the package fails over the missing ones
  }
}

function startFailure(error: unknown): PlatformError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  if (code === 'ENOENT' || code === 'EACCES') return new PlatformError('FFMPEG_MISSING', `ffmpeg cannot be run (${code}): it makes the pictures that old players show`, {}, error);
  return new PlatformError('PROCESS_EXITED', `ffmpeg cannot be started: ${error instanceof Error ? error.message : String(error)}`, {}, error);
}

function lastLine(words: string): string {
  return words.trim().split('\n').at(-1)?.trim() ?? '';
}
