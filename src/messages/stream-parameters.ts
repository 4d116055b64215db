/** Codecs that are recorded and decoded. */
export type Codec = 'h264' | 'hevc' | 'av1' | 'vp8' | 'vp9' | 'mjpeg' | 'mpeg4' | 'png';

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
}

/** True when one decoder can go on from units of `a` to units of `b`: an archive may frame a stream otherwise than its source does. */
export function isSameDecoding(a: StreamParameters, b: StreamParameters): boolean {
  return a === b || (a.codec === b.codec && a.framing === b.framing && a.width === b.width && a.height === b.height
    && a.extradata.byteLength === b.extradata.byteLength && a.extradata.every((byte, index) => byte === b.extradata[index]));
}
