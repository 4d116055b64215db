import { AV_LOG_QUIET, AV_LOG_WARNING, AV_NOPTS_VALUE, AVERROR_EAGAIN, AVERROR_EOF } from 'node-av/constants';
import { FFmpegError, Log } from 'node-av/lib';
import {
  AV_CODEC_ID_AV1, AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AV_CODEC_ID_MJPEG, AV_CODEC_ID_MPEG4, AV_CODEC_ID_PNG, AV_CODEC_ID_TIFF, AV_CODEC_ID_VP8, AV_CODEC_ID_VP9,
} from 'node-av/constants';
import type { AVCodecID } from 'node-av/constants';
import type { Codec } from '../messages/stream-parameters.ts';

Log.setLevel(AV_LOG_QUIET);

/** Codecs that libav decodes: all of ours but FLIR records. */
export type LibavCodec = Exclude<Codec, 'fff'>;

/** Codecs of ours by their libav number. */
export const CODEC_IDS = {
  h264: AV_CODEC_ID_H264, hevc: AV_CODEC_ID_HEVC, av1: AV_CODEC_ID_AV1, vp8: AV_CODEC_ID_VP8, vp9: AV_CODEC_ID_VP9,
  mjpeg: AV_CODEC_ID_MJPEG, mpeg4: AV_CODEC_ID_MPEG4, png: AV_CODEC_ID_PNG, tiff: AV_CODEC_ID_TIFF,
} as const satisfies Record<LibavCodec, AVCodecID>;

/** Every codec of ours that libav knows. */
export const CODECS = Object.keys(CODEC_IDS) as readonly LibavCodec[]; // the keys of a Record<LibavCodec, …>

/** Our name of a libav codec; undefined when it is none that we record. */
export function codecOf(id: AVCodecID): LibavCodec | undefined {
  return CODECS.find((codec) => CODEC_IDS[codec] === id);
}

/** libav wants more input before it gives output. */
export const AGAIN = AVERROR_EAGAIN;
/** libav has come to the end. */
export const END = AVERROR_EOF;

/** libav's words for an error number. */
export function explain(code: number): string {
  return FFmpegError.strerror(code);
}

/** A libav time stamp as a number; null when it is not set. */
export function timestampOf(value: bigint): number | null {
  return value === AV_NOPTS_VALUE ? null : Number(value);
}

/**
 * Hands libav's own warnings and errors to `listener`, or silences them (`undefined`, the state at start). Process-wide. Lines may name
 * URIs with credentials: scrub before logging.
 */
export function listenToLibav(listener: ((line: string) => void) | undefined): void {
  if (listener === undefined) {
    Log.setCallback(null);
    Log.setLevel(AV_LOG_QUIET);
    return;
  }
  Log.setLevel(AV_LOG_WARNING);
  Log.setCallback((_level, message) => listener(message.trimEnd()), { maxLevel: AV_LOG_WARNING });
}
