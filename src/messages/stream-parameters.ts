import type { Modality } from './raster.ts';

/** Codecs that are recorded and decoded. `fff`: FLIR file format, one thermal picture a unit. */
export const CODECS = ['h264', 'hevc', 'av1', 'vp8', 'vp9', 'mjpeg', 'mpeg4', 'png', 'tiff', 'fff'] as const;

/** Name of a codec. */
export type Codec = typeof CODECS[number];

/** What the samples of pictures mean that are more than colours. Thermal pictures that are radiometric carry their own constants. */
export interface SampleMeaning {
  readonly modality: Exclude<Modality, 'rgb'>;
  /** Metres of one step of depth; null for thermal pictures. */
  readonly metresPerStep: number | null;
  /** Kelvin of one step of 16-bit thermal pictures that carry no constants. Absent: they are counts. */
  readonly kelvinPerStep?: number;
  /**
   * What black and white stand for where 16-bit samples are shown in 8 bits: metres, degrees Celsius, or steps where pictures are not calibrated.
   * Fixed, so that a change of brightness is a change of the scene. null: the default of the modality.
   */
  readonly range: readonly [black: number, white: number] | null;
}

/** How the access units of a stream are laid out, enough to open a muxer or a decoder without the source. */
export interface StreamParameters {
  readonly codec: Codec;
  /** Coded size in pixels; 0 when the stream did not say yet. */
  readonly width: number;
  readonly height: number;
  /** avcC, hvcC, av1C, or Annex-B parameter sets, as the source gave them; empty when there are none. */
  readonly extradata: Uint8Array;
  /** Unit of pts, dts and duration: `num / den` seconds. */
  readonly timeBase: { readonly num: number; readonly den: number };
  /** `annexb`: start codes; `length-prefixed`: 4-byte (or as extradata says) lengths; `raw`: the codec has no NAL units. */
  readonly framing: 'annexb' | 'length-prefixed' | 'raw';
  /** Nominal frames per second; 0 when unknown. */
  readonly frameRate: number;
  /** Absent for pictures of colours. */
  readonly samples?: SampleMeaning;
}

/** True when samples mean the same. */
export function isSameMeaning(a: SampleMeaning | undefined, b: SampleMeaning | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && a.modality === b.modality && a.metresPerStep === b.metresPerStep && a.kelvinPerStep === b.kelvinPerStep
    && a.range?.[0] === b.range?.[0] && a.range?.[1] === b.range?.[1]);
}

/** True when one decoder can go on from units of `a` to units of `b`: an archive may frame a stream otherwise than its source does. */
export function isSameDecoding(a: StreamParameters, b: StreamParameters): boolean {
  return a === b || (a.codec === b.codec && a.framing === b.framing && a.width === b.width && a.height === b.height
    && isSameMeaning(a.samples, b.samples) && a.extradata.byteLength === b.extradata.byteLength && a.extradata.every((byte, index) => byte === b.extradata[index]));
}
