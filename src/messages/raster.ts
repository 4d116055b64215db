/** What the samples of a picture mean. */
export type Modality = 'rgb' | 'depth' | 'thermal';

/** Samples of one picture as an encoder takes them, row-major `[height, width, channels]`, in the machine's byte order. */
export interface Raster {
  readonly samples: Uint8Array | Uint16Array;
  readonly width: number;
  readonly height: number;
  /** rgb: 3 (R, G, B); depth and thermal: 1. */
  readonly channels: 1 | 3;
  /** What a sample means; absent for plain 8-bit pictures. */
  readonly calibration?: DepthCalibration | PlanckCalibration | KelvinCalibration;
}

/** Depth as a sensor counts it. */
export interface DepthCalibration {
  readonly kind: 'depth';
  /** Metres of one step; a sample of 0 means no reading. */
  readonly metresPerStep: number;
}

/** T = B / ln(R1 / (R2 * (S + O)) + F) - 273.15 in degrees Celsius (exiftool's names; O is negative). */
export interface PlanckCalibration {
  readonly kind: 'planck';
  readonly r1: number;
  readonly r2: number;
  readonly b: number;
  readonly f: number;
  readonly o: number;
  /** Of what is looked at, 0..1. */
  readonly emissivity: number;
}

/** Heat as cameras count it that do the physics themselves (FLIR calls it TLinear): T = S * kelvinPerStep - 273.15 in degrees Celsius. */
export interface KelvinCalibration {
  readonly kind: 'kelvin';
  readonly kelvinPerStep: number;
}
