import { PlatformError } from '../../engine/errors.ts';
import type { GraphBuilder, Value } from '../../inference/graph/graph-builder.ts';
import type { Modality, Raster } from '../../messages/raster.ts';

/** Size of a picture in pixels. */
export interface PictureSize { readonly width: number; readonly height: number }

/** One value per pixel, `[n, 1, height, width]`; times `unit` it is what the modality says. */
export interface Intensity { readonly value: Value; readonly unit: number }

/** What a graph starts from: the samples as they are, and the constants of their calibration. */
export interface Samples {
  /** `[n, height, width, channels]`, as the form says. */
  readonly values: Value;
  /** `[n, constants]`, float32; absent for forms without calibration. */
  readonly calibration: Value | undefined;
  /** Absent: told by the samples. */
  readonly size: PictureSize | undefined;
}

/** One way in which the samples of a modality come. A graph is written per form. */
export interface SampleForm {
  /** Such as `rgb8`. */
  readonly name: string;
  readonly type: 'uint8' | 'uint16';
  readonly channels: Raster['channels'];
  /** Constants of calibration that go with every picture. */
  readonly constants: number;
  /** True when a picture of the right type and channels is of this form. */
  matches(raster: Raster): boolean;
  /** The constants of a picture of this form, `constants` of them. */
  constantsOf(raster: Raster): readonly number[];
  /** Writes how samples become one value per pixel. */
  intensity(graph: GraphBuilder, samples: Samples): Intensity;
}

/** What the pixels of a camera mean. */
export interface ModalityPlugin {
  readonly name: Modality;
  readonly summary: string;
  readonly forms: readonly SampleForm[];
}

/**
 * The form of a picture.
 * @throws PlatformError RASTER_INVALID when it is none of the modality's
 */
export function formOf(modality: ModalityPlugin, raster: Raster): SampleForm {
  const type = raster.samples instanceof Uint16Array ? 'uint16' : 'uint8';
  const form = modality.forms.find((each) => each.type === type && each.channels === raster.channels && each.matches(raster));
  if (form !== undefined) return form;
  const calibration = raster.calibration === undefined ? 'without calibration' : `with ${raster.calibration.kind} calibration`;
  const known = modality.forms.map(({ name }) => name).join(', ');
  throw new PlatformError('RASTER_INVALID', `a picture of ${type} in ${raster.channels} channels ${calibration} is no '${modality.name}' picture (known forms: ${known})`, { modality: modality.name, type, channels: raster.channels });
}

/** Samples of one channel as `[n, 1, height, width]` float32. */
export function singleChannel(graph: GraphBuilder, samples: Value): Value {
  return graph.cast(graph.op('Transpose', [samples], { perm: [0, 3, 1, 2] }), 'float32');
}
