import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUVJ420P, AVMEDIA_TYPE_VIDEO } from 'node-av/constants';
import { Dictionary, FormatContext } from 'node-av/lib';
import { PlatformError } from '../engine/errors.ts';
import type { Codec, StreamParameters } from '../messages/stream-parameters.ts';
import { box, findBox, fullBox, u16, u32 } from './iso-boxes.ts';
import { CODEC_IDS, explain, type LibavCodec } from './libav.ts';
import { extradataParameterSets, framingOf, lengthSizeOf } from './nal.ts';
import { pictureSizeIn } from './parameter-change.ts';

/** A picture size that muxers accept when the stream has not said its own. */
const UNKNOWN_SIZE = 16;

/** avcC and hvcC without a parameter set (ISO/IEC 14496-15, 5.3.3.1.2 and 8.3.3.1.2), 4-byte lengths: the sets are in band or missing. */
const EMPTY_AVCC = Uint8Array.of(1, 0x64, 0, 0x28, 0xff, 0xe0, 0);
const EMPTY_HVCC = Uint8Array.of(1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 0x78, 0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, 0x0f, 0);

/** Codecs that libav's muxer has no sample entry for: theirs holds nothing but the picture size. `tiff` is QuickTime's name, `fff ` is ours. */
const PLAIN_ENTRY = { tiff: 'tiff', fff: 'fff ' } as const;

/**
 * The `stsd` box (ISO/IEC 14496-12, 8.5.2) that describes a stream to players, as libav's muxer writes it, and the picture size it holds.
 * @throws PlatformError MEDIA_UNSUPPORTED when libav cannot describe the stream
 */
export async function sampleDescription(parameters: StreamParameters): Promise<{ readonly stsd: Buffer; readonly width: number; readonly height: number }> {
  const { codec, width, height } = parameters;
  if (codec === 'tiff' || codec === 'fff') return { stsd: fullBox('stsd', 0, 0, u32(1), visualEntry(PLAIN_ENTRY[codec], width, height)), width, height };
  const folder = await mkdtemp(join(tmpdir(), 'visutility-'));
  const path = join(folder, 'header.mp4');
  try {
    const size = await writeEmptyFile(path, parameters, codec);
    const stbl = findBox(await readFile(path), 'moov', 'trak', 'mdia', 'minf', 'stbl');
    const at = stbl?.indexOf('stsd', 0, 'latin1') ?? -1;
    if (stbl === undefined || at < 4) throw new PlatformError('MEDIA_UNSUPPORTED', `no sample description for ${parameters.codec}`);
    const stsd = Buffer.from(stbl.subarray(at - 4, at - 4 + stbl.readUInt32BE(at - 4)));
    if (parameters.codec === 'vp8') renameVp9(stsd);
    return { stsd, ...size };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** VisualSampleEntry (ISO/IEC 14496-12, 12.1.3) without boxes: 72 dpi, 24 bits deep, one frame a sample, as every writer says. */
function visualEntry(type: string, width: number, height: number): Buffer {
  return box(type, u32(0), u16(0, 1, 0, 0), u32(0, 0, 0), u16(width, height), u32(0x480000, 0x480000, 0), u16(1), Buffer.alloc(32), u16(24, 0xffff));
}

/** libav refuses VP8 in MP4, though the VP codec binding defines `vp08` with the same boxes as `vp09`. */
function renameVp9(stsd: Buffer): void {
  stsd.write('vp08', stsd.indexOf('vp09', 0, 'latin1'), 'latin1');
}

async function writeEmptyFile(path: string, parameters: StreamParameters, codec: Exclude<LibavCodec, keyof typeof PLAIN_ENTRY>): Promise<{ width: number; height: number }> {
  const context = new FormatContext();
  const dictionary = Dictionary.fromObject({ movflags: 'empty_moov+default_base_moof' });
  try {
    check(context.allocOutputContext2(null, 'mp4', path), parameters);
    const stream = context.newStream();
    const { codecpar } = stream;
    codecpar.codecType = AVMEDIA_TYPE_VIDEO;
    codecpar.codecId = CODEC_IDS[codec === 'vp8' ? 'vp9' : codec];
    codecpar.extradata = Buffer.from(describedBy(parameters));
    codecpar.format = parameters.codec === 'mjpeg' ? AV_PIX_FMT_YUVJ420P : AV_PIX_FMT_YUV420P;
    const said = parameters.width > 0 && parameters.height > 0 ? parameters : pictureSizeIn(parameters.codec, extradataParameterSets(parameters));
    const { width, height } = said ?? { width: UNKNOWN_SIZE, height: UNKNOWN_SIZE };
    codecpar.width = width;
    codecpar.height = height;
    check(await context.openOutput(), parameters);
    check(await context.writeHeader(dictionary), parameters);
    await context.closeOutput();
    return { width, height };
  } finally {
    dictionary.free();
    context.freeContext();
  }
}

function check(code: number, parameters: StreamParameters): void {
  if (code < 0) throw new PlatformError('MEDIA_UNSUPPORTED', `cannot describe a ${parameters.codec} stream: ${explain(code).toLowerCase()}`, { codec: parameters.codec, libav: code });
}

function describedBy({ codec, extradata }: StreamParameters): Uint8Array {
  if (extradata.length > 0) return extradata;
  return codec === 'h264' ? EMPTY_AVCC : codec === 'hevc' ? EMPTY_HVCC : extradata;
}

const CODEC_OF_ENTRY: Readonly<Record<string, Codec>> = { avc1: 'h264', avc3: 'h264', hev1: 'hevc', hvc1: 'hevc', av01: 'av1', vp08: 'vp8', vp09: 'vp9', [PLAIN_ENTRY.tiff]: 'tiff', [PLAIN_ENTRY.fff]: 'fff' };
/** `objectTypeIndication` of MPEG-4 streams in `mp4v` (registered at mp4ra.org). */
const CODEC_OF_OBJECT_TYPE: Readonly<Record<number, Codec>> = { 0x20: 'mpeg4', 0x6c: 'mjpeg', 0x6d: 'png' };
const CONFIGURATION: Partial<Record<Codec, string>> = { h264: 'avcC', hevc: 'hvcC', av1: 'av1C' };
/** Bytes of a VisualSampleEntry before its boxes (ISO/IEC 14496-12, 12.1.3). */
const ENTRY_FIXED = 78;

/** Reads an `stsd` payload written by `sampleDescription`; undefined when it is none of ours. */
export function readSampleDescription(stsd: Buffer): Pick<StreamParameters, 'codec' | 'width' | 'height' | 'extradata' | 'framing'> & { readonly lengthSize: number } | undefined {
  const entry = stsd.subarray(8);
  if (entry.length < 8 + ENTRY_FIXED) return undefined;
  const type = entry.toString('latin1', 4, 8);
  const inner = entry.subarray(8 + ENTRY_FIXED, entry.readUInt32BE(0));
  const esds = type === 'mp4v' ? readEsds(findBox(inner, 'esds')) : undefined;
  const codec = esds?.codec ?? CODEC_OF_ENTRY[type];
  if (codec === undefined) return undefined;
  const box = CONFIGURATION[codec];
  const extradata = new Uint8Array(esds?.extradata ?? (box === undefined ? undefined : findBox(inner, box)) ?? []);
  const layout = { codec, extradata, framing: framingOf(codec, extradata) };
  return { ...layout, width: entry.readUInt16BE(8 + 24), height: entry.readUInt16BE(8 + 26), lengthSize: lengthSizeOf(layout) };
}

/** ES_Descriptor (ISO/IEC 14496-1, 7.2.6.5): the object type and the DecoderSpecificInfo. */
function readEsds(payload: Buffer | undefined): { readonly codec: Codec | undefined; readonly extradata: Buffer | undefined } | undefined {
  if (payload === undefined) return undefined;
  const es = descriptor(payload, 4);
  const decoder = es?.tag === 3 ? descriptor(es.payload, 3) : undefined;
  if (decoder?.tag !== 4) return undefined;
  const specific = descriptor(decoder.payload, 13);
  return { codec: CODEC_OF_OBJECT_TYPE[decoder.payload[0] ?? 0], extradata: specific?.tag === 5 ? specific.payload : undefined };
}

/** A descriptor with its expandable length (ISO/IEC 14496-1, 8.3.3). */
function descriptor(bytes: Buffer, from: number): { readonly tag: number; readonly payload: Buffer } | undefined {
  const tag = bytes[from];
  if (tag === undefined) return undefined;
  let at = from + 1;
  let length = 0;
  for (let more = true; more && at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    length = length * 128 + (byte & 0x7f);
    more = (byte & 0x80) !== 0;
  }
  return { tag, payload: bytes.subarray(at, at + length) };
}
