import type { CameraId, EpochMicros } from '../engine/units.ts';

/** Body of topic `vto.features`: what an encoder made of one frame, ready for the detector. */
export interface FeatureTensor {
  readonly camera: CameraId;
  readonly epoch: number;
  readonly frameSeq: number;
  readonly capturedAt: EpochMicros;
  readonly arrivedAt: EpochMicros;
  readonly ptsSeconds: number | null;
  readonly modality: 'rgb' | 'depth' | 'thermal';
  /** `name@version` of what made it; `pixels-rgb@1` (or `-bgr`, `-gray`) for a picture at model size. */
  readonly encoder: string;
  readonly dtype: 'uint8' | 'float32';
  readonly shape: readonly number[];
  /** How a picture at model size maps to its source: `model = source * scale + pad`; absent for other encoders. */
  readonly geometry: {
    readonly scaleX: number; readonly scaleY: number; readonly padX: number; readonly padY: number;
    readonly sourceWidth: number; readonly sourceHeight: number;
  } | null;
  readonly decodeMs: number;
  /** `raw`; `zstd`; `delta-zstd`: the difference (mod 256) to the frame `baseSeq` of the camera, compressed, then a skippable zstd frame with the CRC-32 of the picture. */
  readonly encoding: 'raw' | 'zstd' | 'delta-zstd';
  /** Frame the delta refers to; -1 when none. */
  readonly baseSeq: number;
  readonly payload: Uint8Array;
}

/** A feature on its way from the reader of the topic to the process that detects on it. */
export interface FedFeature {
  readonly camera: CameraId;
  readonly tensor: FeatureTensor;
  /** Its terminal record exists: it is read only because later ones differ from it. */
  readonly isAccounted: boolean;
  /** It waited on Kafka while nobody read it: exempt from staleness while catching up. */
  readonly isRecovered: boolean;
  /** Grows when the camera starts over: what is held of the camera is forgotten. */
  readonly feed: number;
}
