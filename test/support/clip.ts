import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Codec, CodecContext, FilterGraph, FormatContext, Frame, Log, Packet, Rational } from 'node-av';
import { AV_LOG_QUIET, AV_PICTURE_TYPE_NONE, AV_PIX_FMT_YUV420P, AV_PKT_FLAG_KEY, FF_ENCODER_LIBX264, FF_ENCODER_LIBX265 } from 'node-av/constants';
import { isParameterSet, nalUnits } from './nal-units.ts';
import type { NalCodec } from './nal-units.ts';

/** What a generated clip looks like. */
export interface ClipOptions {
  readonly codec?: NalCodec;
  readonly width?: number;
  readonly height?: number;
  readonly fps?: number;
  readonly frames?: number;
  readonly gop?: number;
  readonly bFrames?: number;
  /** A libav filter graph text without format or sink; `$size` and `$fps` are replaced. */
  readonly graph?: string;
}

/** One access unit in decode order; times in frames, `dts` may be negative with B-frames. */
export interface ClipUnit {
  /** Annex B, key units with parameter sets. */
  readonly data: Uint8Array;
  readonly isKey: boolean;
  readonly pts: number;
  readonly dts: number;
}

/** A generated clip. */
export interface Clip {
  readonly codec: NalCodec;
  readonly width: number;
  readonly height: number;
  readonly frameRate: number;
  readonly units: readonly ClipUnit[];
}

const DEFAULTS = {
  codec: 'h264', width: 320, height: 240, fps: 25, frames: 50, gop: 25, bFrames: 0, graph: 'testsrc2=s=$size:r=$fps,noise=alls=4:allf=t',
} as const satisfies Required<ClipOptions>;

const CACHE = join(tmpdir(), 'visutility-test-clips');

/** A clip for tests, encoded once per set of options and kept in the temporary folder of the system. */
export async function makeClip(options: ClipOptions = {}): Promise<Clip> {
  const full: Required<ClipOptions> = { ...DEFAULTS, ...options };
  const path = cached(full, 'bin');
  if (!existsSync(path)) await generate(full);
  return parse(readFileSync(path), full);
}

/** The same clip as an MP4 file; returns its path. Do not change the file. */
export async function makeClipFile(options: ClipOptions = {}): Promise<string> {
  const full: Required<ClipOptions> = { ...DEFAULTS, ...options };
  const path = cached(full, 'mp4');
  if (!existsSync(path)) await generate(full);
  return path;
}

/** VPS, SPS and PPS of the clip's first key unit. */
export function parameterSets(clip: Clip): Uint8Array[] {
  const first = clip.units[0];
  return first === undefined ? [] : nalUnits(first.data).filter((nal) => isParameterSet(nal, clip.codec));
}

function cached(options: Required<ClipOptions>, extension: string): string {
  const key = createHash('sha256').update(JSON.stringify(Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1)))).update('layout 2').digest('hex').slice(0, 20);
  return join(CACHE, `${key}.${extension}`);
}

interface Encoded extends ClipUnit { readonly packet: Packet }

async function generate(options: Required<ClipOptions>): Promise<void> {
  mkdirSync(CACHE, { recursive: true });
  Log.setLevel(AV_LOG_QUIET);
  const graph = new FilterGraph();
  graph.alloc();
  const source = options.graph.replaceAll('$size', `${options.width}x${options.height}`).replaceAll('$fps', String(options.fps));
  check(graph.parsePtr(`${source},format=yuv420p,buffersink@out`), 'parsing the clip graph');
  check(graph.configSync(), 'configuring the clip graph');
  const plain = await encode(graph, options);
  const bin = serialize(plain.units);
  await mux(plain.encoder, plain.units, options);
  writeWhole(cached(options, 'bin'), bin);
  for (const unit of plain.units) unit.packet.free();
  plain.encoder.freeContext();
  graph.free();
}

async function encode(graph: FilterGraph, options: Required<ClipOptions>): Promise<{ encoder: CodecContext; units: Encoded[] }> {
  const sink = graph.getFilter('buffersink@out')!;
  const codec = Codec.findEncoderByName(options.codec === 'h264' ? FF_ENCODER_LIBX264 : FF_ENCODER_LIBX265)!;
  const encoder = new CodecContext();
  encoder.allocContext3(codec);
  encoder.width = options.width;
  encoder.height = options.height;
  encoder.timeBase = new Rational(1, options.fps);
  encoder.framerate = new Rational(options.fps, 1);
  encoder.pixelFormat = AV_PIX_FMT_YUV420P;
  encoder.gopSize = options.gop;
  encoder.maxBFrames = options.bFrames;
  encoder.threadCount = 1;
  const gop = `keyint=${options.gop}:min-keyint=${options.gop}:scenecut=0:bframes=${options.bFrames}`;
  encoder.setOption('preset', 'ultrafast');
  encoder.setOption(options.codec === 'h264' ? 'x264-params' : 'x265-params', options.codec === 'h264' ? `${gop}:repeat-headers=1` : `${gop}:repeat-headers=1:open-gop=0:log-level=none:pools=1`);
  check(await encoder.open2(codec, null), 'opening the clip encoder');
  const units: Encoded[] = [];
  const frame = new Frame();
  frame.alloc();
  for (let index = 0; index < options.frames; index++) {
    check(sink.buffersinkGetFrameSync(frame), 'drawing a clip frame');
    frame.pictType = AV_PICTURE_TYPE_NONE; // drawn frames say I, which libx264 takes as an order
    check(encoder.sendFrameSync(frame), 'encoding a clip frame');
    frame.unref();
    drain(encoder, units);
  }
  check(encoder.sendFrameSync(null), 'ending the clip');
  drain(encoder, units);
  frame.free();
  return { encoder, units };
}

function drain(encoder: CodecContext, units: Encoded[]): void {
  for (;;) {
    const packet = new Packet();
    packet.alloc();
    if (encoder.receivePacketSync(packet) < 0) { packet.free(); return; }
    units.push({
      data: Uint8Array.from(packet.data!), isKey: (packet.flags & AV_PKT_FLAG_KEY) !== 0,
      pts: Number(packet.pts), dts: Number(packet.dts), packet,
    });
  }
}

async function mux(encoder: CodecContext, units: readonly Encoded[], options: Required<ClipOptions>): Promise<void> {
  const path = cached(options, 'mp4');
  const partial = `${path}.${process.pid}.mp4`;
  const output = new FormatContext();
  check(output.allocOutputContext2(null, 'mp4', partial), 'creating the clip file');
  const stream = output.newStream(null)!;
  check(stream.codecpar.fromContext(encoder), 'copying the clip parameters');
  stream.codecpar.extradata = Buffer.from(annexbHeader(units[0]!.data, options.codec));
  stream.timeBase = new Rational(1, options.fps);
  check(await output.openOutput(), 'opening the clip file');
  check(await output.writeHeader(), 'writing the clip header');
  for (const unit of units) {
    unit.packet.streamIndex = 0;
    unit.packet.duration = 1n;
    unit.packet.rescaleTs(new Rational(1, options.fps), stream.timeBase);
    check(await output.writeFrame(unit.packet), 'writing a clip unit');
  }
  check(await output.writeTrailer(), 'ending the clip file');
  await output.closeOutput();
  output.freeContext();
  renameSync(partial, path);
}

function annexbHeader(unit: Uint8Array, codec: NalCodec): Uint8Array {
  return Uint8Array.from(nalUnits(unit).filter((nal) => isParameterSet(nal, codec)).flatMap((nal) => [0, 0, 0, 1, ...nal]));
}

/** Per unit: size u32, key u8, pts i32, dts i32, bytes. */
function serialize(units: readonly ClipUnit[]): Uint8Array {
  const bytes = Buffer.alloc(units.reduce((total, unit) => total + 13 + unit.data.length, 0));
  let at = 0;
  for (const unit of units) {
    at = bytes.writeUInt32BE(unit.data.length, at);
    at = bytes.writeUInt8(unit.isKey ? 1 : 0, at);
    at = bytes.writeInt32BE(unit.pts, at);
    at = bytes.writeInt32BE(unit.dts, at);
    bytes.set(unit.data, at);
    at += unit.data.length;
  }
  return bytes;
}

function parse(bytes: Buffer, options: Required<ClipOptions>): Clip {
  const units: ClipUnit[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = bytes.readUInt32BE(at);
    units.push({ data: new Uint8Array(bytes.subarray(at + 13, at + 13 + size)), isKey: bytes[at + 4] === 1, pts: bytes.readInt32BE(at + 5), dts: bytes.readInt32BE(at + 9) });
    at += 13 + size;
  }
  return { codec: options.codec, width: options.width, height: options.height, frameRate: options.fps, units };
}

/** Renames into place, so that tests in parallel processes never read half a clip. */
function writeWhole(path: string, bytes: Uint8Array): void {
  const partial = `${path}.${process.pid}`;
  writeFileSync(partial, bytes);
  renameSync(partial, path);
}

function check(code: number, doing: string): void {
  if (code < 0) throw new Error(`${doing} failed with libav code ${code}`);
}
