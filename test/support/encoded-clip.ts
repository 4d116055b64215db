import { AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUVJ420P } from 'node-av/constants';
import { Codec as LibavCodec, CodecContext, FilterGraph, Frame, Packet, Rational } from 'node-av/lib';
import type { MediaPacket } from '../../src/media/types.ts';
import '../../src/media/libav.ts'; // silences libav
import { framingOf } from '../../src/media/nal.ts';
import type { LibavCodec as Encodable } from '../../src/media/libav.ts';
import type { StreamParameters } from '../../src/messages/stream-parameters.ts';

/** A short clip in memory. */
export interface EncodedClip { readonly parameters: StreamParameters; readonly units: readonly MediaPacket[] }

process.env['SVT_LOG'] = '0'; // the AV1 encoder prints its configuration otherwise
/** One frame at 25 a second. */
const TICKS = 1200;
const ENCODERS: Record<Encodable, string> = { h264: 'libx264', hevc: 'libx265', av1: 'libsvtav1', vp8: 'libvpx', vp9: 'libvpx-vp9', mjpeg: 'mjpeg', mpeg4: 'mpeg4', png: 'png', tiff: 'tiff' };

/** Encodes a moving test picture with libav, key frames every `gop` frames, extradata as a container would hold it. Times in 1/30000 s. */
export function encodeClip(codec: Encodable, options: { frames: number; gop?: number; bFrames?: number; size?: string; options?: Record<string, string>; graph?: string }): EncodedClip {
  const isStill = codec === 'png' || codec === 'tiff';
  const graph = new FilterGraph();
  graph.alloc();
  const [width = 160, height = 96] = (options.size ?? '160x96').split('x').map(Number);
  const format = codec === 'mjpeg' ? 'yuvj420p' : isStill ? 'rgb24' : 'yuv420p';
  must(graph.parsePtr(`${options.graph ?? `testsrc2=size=${width}x${height}:rate=25`},format=${format},buffersink@out`));
  must(graph.configSync());
  const sink = graph.getFilter('buffersink@out')!;
  const encoder = LibavCodec.findEncoderByName(ENCODERS[codec] as never)!;
  const context = new CodecContext();
  context.allocContext3(encoder);
  context.width = width;
  context.height = height;
  context.pixelFormat = codec === 'mjpeg' ? AV_PIX_FMT_YUVJ420P : isStill ? sink.buffersinkGetFormat() as never : AV_PIX_FMT_YUV420P;
  context.timeBase = new Rational(1, 30_000);
  context.framerate = new Rational(25, 1);
  context.gopSize = options.gop ?? 10;
  context.maxBFrames = options.bFrames ?? 0;
  context.threadCount = 1;
  context.setOption('flags', '+global_header');
  for (const [name, value] of Object.entries({ ...FAST[codec], ...options.options })) must(context.setOption(name, value));
  must(context.open2Sync(encoder, null));
  const frame = new Frame();
  frame.alloc();
  const packet = new Packet();
  packet.alloc();
  const units: MediaPacket[] = [];
  const drain = (): void => {
    while (context.receivePacketSync(packet) >= 0) {
      units.push({ data: packet.data!, pts: Number(packet.pts), dts: Number(packet.dts), duration: TICKS, isKey: packet.isKeyframe, isCorrupt: false, cameraClockMicros: null });
      packet.unref();
    }
  };
  for (let index = 0; index < options.frames; index++) {
    must(sink.buffersinkGetFrameSync(frame));
    frame.pts = BigInt(index * TICKS);
    frame.pictType = 0 as never;
    must(context.sendFrameSync(frame));
    frame.unref();
    drain();
  }
  context.sendFrameSync(null);
  drain();
  const extradata = new Uint8Array(context.extraData ?? []);
  packet.free();
  frame.free();
  context.freeContext();
  graph.free();
  return { units, parameters: { codec, width, height, extradata, timeBase: { num: 1, den: 30_000 }, framing: framingOf(codec, extradata), frameRate: 25 } };
}

const FAST: Partial<Record<Encodable, Record<string, string>>> = {
  h264: { preset: 'ultrafast' }, hevc: { preset: 'ultrafast', 'x265-params': 'log-level=none:pools=none:frame-threads=1' }, av1: { preset: '12' }, vp8: { deadline: 'realtime' }, vp9: { deadline: 'realtime' },
};

function must(code: number): void {
  if (code < 0) throw new Error(`libav refused to make a test clip: ${code}`);
}
