import { AV_BUFFERSRC_FLAG_KEEP_REF, AV_PIX_FMT_GRAY16BE, AV_PIX_FMT_GRAY16LE } from 'node-av/constants';
import { type FilterContext, FilterGraph, Frame } from 'node-av/lib';
import { PlatformError } from '../engine/errors.ts';
import type { PlanckCalibration, Raster } from '../messages/raster.ts';
import type { SampleMeaning } from '../messages/stream-parameters.ts';
import { explain } from './libav.ts';

/** What makes samples metres or temperatures. */
export type Calibration = NonNullable<Raster['calibration']>;

const DEPTH_RANGE_METRES = [0, 10] as const;
const THERMAL_RANGE_CELSIUS = [-20, 60] as const;
const ALL_STEPS = [0, 65_535] as const;
const ZERO_CELSIUS_KELVIN = 273.15;

/** True for one channel of 16 bits. */
export function isGrey16({ format }: Frame): boolean {
  return format === AV_PIX_FMT_GRAY16LE || format === AV_PIX_FMT_GRAY16BE;
}

/**
 * Shows 16-bit samples in 8 bits, for detectors that look at pictures: linear between two fixed samples, those that stand for black and white, and
 * clipped outside. Fixed, not stretched to each picture: what stays the same keeps its brightness. Depth without a reading is black.
 */
export class Rendition {
  readonly #range: SampleMeaning['range'];
  #route: Route | undefined;

  constructor({ range }: Pick<SampleMeaning, 'range'>) { this.#range = range; }

  /**
   * An 8-bit grey frame, full range, of the same size; the caller frees it.
   * @throws PlatformError MEDIA_CORRUPT when libav cannot make it
   */
  show(samples: Frame, calibration: Calibration | undefined): Frame {
    const [black, white] = stepsOf(this.#range, calibration);
    const form: Form = { width: samples.width, height: samples.height, format: samples.format, black, white };
    if (this.#route === undefined || !isSameForm(this.#route.form, form)) {
      this.close();
      this.#route = new Route(form);
    }
    return this.#route.show(samples);
  }

  close(): void {
    this.#route?.close();
    this.#route = undefined;
  }
}

/** The samples that black and white stand for: fractions where the range is of metres or degrees. */
export function stepsOf(range: SampleMeaning['range'], calibration: Calibration | undefined): readonly [black: number, white: number] {
  switch (calibration?.kind) {
    case 'depth': return bothOf(range ?? DEPTH_RANGE_METRES, metres => metres / calibration.metresPerStep);
    case 'planck': return bothOf(range ?? THERMAL_RANGE_CELSIUS, celsius => stepAt(celsius, calibration));
    case 'kelvin': return bothOf(range ?? THERMAL_RANGE_CELSIUS, celsius => (celsius + ZERO_CELSIUS_KELVIN) / calibration.kelvinPerStep);
    case undefined: return range ?? ALL_STEPS;
  }
}

function bothOf([black, white]: readonly [number, number], of: (value: number) => number): readonly [number, number] {
  return [of(black), of(white)];
}

/** The count of a thermal camera at a temperature: Planck's law as `PlanckCalibration` states it, solved for S. */
function stepAt(celsius: number, { r1, r2, b, f, o }: PlanckCalibration): number {
  return r1 / (r2 * (Math.exp(b / (celsius + ZERO_CELSIUS_KELVIN)) - f)) - o;
}

interface Form { readonly width: number; readonly height: number; readonly format: number; readonly black: number; readonly white: number }

function isSameForm(a: Form, b: Form): boolean {
  return a.width === b.width && a.height === b.height && a.format === b.format && a.black === b.black && a.white === b.white;
}

/** A table of all samples (libav's `lut`), then the upper byte of each. */
class Route {
  readonly form: Form;
  readonly #graph = new FilterGraph();
  readonly #source: FilterContext;
  readonly #sink: FilterContext;

  constructor(form: Form) {
    this.form = form;
    const { width, height, format, black, white } = form;
    this.#graph.alloc();
    this.#graph.nbThreads = 1;
    const table = `lut=c0='256*round(255*clip((val-(${black}))/(${white}-(${black})),0,1))'`;
    this.#check(this.#graph.parsePtr(`buffer@in=video_size=${width}x${height}:pix_fmt=${format}:time_base=1/1,${table},scale=sws_dither=none,format=gray,buffersink@out`));
    this.#check(this.#graph.configSync());
    const [source, sink] = [this.#graph.getFilter('buffer@in'), this.#graph.getFilter('buffersink@out')];
    if (source === null || sink === null) throw this.#refuse('the filter graph has lost its ends');
    this.#source = source;
    this.#sink = sink;
  }

  show(samples: Frame): Frame {
    this.#check(this.#source.buffersrcAddFrameSync(samples, AV_BUFFERSRC_FLAG_KEEP_REF));
    const shown = new Frame();
    shown.alloc();
    const code = this.#sink.buffersinkGetFrameSync(shown);
    if (code < 0) shown.free();
    this.#check(code);
    return shown;
  }

  #check(code: number): void {
    if (code < 0) throw this.#refuse(explain(code).toLowerCase());
  }

  #refuse(why: string): PlatformError {
    const { width, height, black, white } = this.form;
    this.close();
    return new PlatformError('MEDIA_CORRUPT', `cannot show samples ${black} to ${white} of a ${width}x${height} picture: ${why}`, { width, height, black, white });
  }

  close(): void { this.#graph.free(); }
}
