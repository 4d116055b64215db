import type { Codec } from './stream-parameters.ts';

/** What is to be known before the units that follow can be shown: at the beginning, and whenever the stream changes. */
export interface LiveStart {
  readonly kind: 'start';
  readonly epoch: number;
  readonly codec: Codec;
  /** As WebCodecs and MSE want it (RFC 6381); null where no browser has a decoder. */
  readonly codecString: string | null;
  /** In pixels. */
  readonly width: number;
  readonly height: number;
  readonly timeBase: { readonly num: number; readonly den: number };
  /** 0 when unknown. */
  readonly frameRate: number;
  /** avcC, hvcC or av1C: the `description` of WebCodecs. Empty for codecs without one. */
  readonly description: Uint8Array;
  /** `ftyp` and `moov` of the fragments that follow. */
  readonly header: Uint8Array;
  /** Ticks a second of the fragments. */
  readonly timescale: number;
}

/** One encoded picture on its way to viewers. */
export interface LiveUnit {
  readonly kind: 'unit';
  readonly isKey: boolean;
  /** The message of the viewers' WebSocket: its head (`live-message.ts`) and the unit's bytes, length-prefixed where the codec has NAL units. */
  readonly message: Uint8Array;
  /** `prft`, `moof` and the head of `mdat` of the fragment whose payload is the same bytes. */
  readonly fragmentHead: Uint8Array;
  /** Place of the fragment on the media time line, in ticks. */
  readonly decodeTicks: number;
  readonly presentationTicks: number;
  /** Read back from before somebody watched: many of them come at once. */
  readonly isBacklog: boolean;
}

/** Units were left out: what follows begins with a key frame. */
export interface LiveGap {
  readonly kind: 'gap';
  /** `slow`: they were not taken in time. `session`: the camera was lost, or the way to it. */
  readonly reason: 'slow' | 'session';
  /** How many, where that is known. */
  readonly units: number;
}

/** What the process of a camera tells those who watch it, in order. */
export type LiveItem = LiveStart | LiveUnit | LiveGap;
