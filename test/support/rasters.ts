import type { DepthCalibration, Modality, PlanckCalibration, Raster } from '../../src/messages/raster.ts';

/** Of a FLIR Duo Pro R, as exiftool reads them. */
export const PLANCK: PlanckCalibration = { kind: 'planck', r1: 364_058, r2: 1, b: 1428, f: 1, o: -228, emissivity: 0.94 };

/** Millimetres. */
export const MILLIMETRES: DepthCalibration = { kind: 'depth', metresPerStep: 0.001 };

/** Forms of samples by name, as the modalities declare them. */
export const FORMS: Readonly<Record<string, { readonly modality: Modality; raster(size: Size, random: () => number): Raster }>> = {
  rgb8: { modality: 'rgb', raster: (size, random) => ({ ...size, channels: 3, samples: bytes(size, 3, random) }) },
  grey8: { modality: 'thermal', raster: (size, random) => ({ ...size, channels: 1, samples: bytes(size, 1, random) }) },
  linear16: { modality: 'thermal', raster: (size, random) => ({ ...size, channels: 1, samples: words(size, 6700, 7100, random), calibration: { kind: 'kelvin', kelvinPerStep: 0.04 } }) },
  planck16: { modality: 'thermal', raster: (size, random) => ({ ...size, channels: 1, samples: words(size, 2600, 3400, random), calibration: PLANCK }) },
  depth16: { modality: 'depth', raster: (size, random) => ({ ...size, channels: 1, samples: words(size, 0, 4000, random), calibration: MILLIMETRES }) },
};

interface Size { readonly width: number; readonly height: number }

/** Soft slopes with noise on top, so that neighbours are alike as in pictures. */
function slopes({ width, height }: Size, channels: number, random: () => number): number[] {
  const [across, down, turn] = [random() * 4, random() * 4, random() * 6];
  return Array.from({ length: width * height * channels }, (_, index) => {
    const pixel = Math.floor(index / channels);
    const wave = Math.sin(across * (pixel % width) / width * 6 + down * Math.floor(pixel / width) / height * 6 + turn + index % channels);
    return Math.min(0.9999, Math.max(0, 0.5 + wave * 0.4 + (random() - 0.5) * 0.2));
  });
}

function bytes(size: Size, channels: number, random: () => number): Uint8Array {
  return Uint8Array.from(slopes(size, channels, random), (value) => value * 256);
}

/** One sample in ten is 0: nothing was read there. Only where the range begins at 0. */
function words(size: Size, from: number, to: number, random: () => number): Uint16Array {
  return Uint16Array.from(slopes(size, 1, random), (value) => (from === 0 && random() < 0.1 ? 0 : from + value * (to - from)));
}
