import type { GraphBuilder } from '../../inference/graph/graph-builder.ts';
import { singleChannel, type Intensity, type ModalityPlugin, type Samples } from './modality.ts';

const KELVIN = 273.15;

/**
 * Heat. Radiometric samples are degrees Celsius by Planck's law, T = B / ln(R1 / (R2 (S + O)) + F) - 273.15, the camera's own constants in
 * exiftool's names, before any correction for emissivity and air, or by steps of kelvin. 16-bit ones that say nothing stay the sensor's counts, 8-bit ones
 * grey levels, 0..255.
 */
export const thermal: ModalityPlugin = {
  name: 'thermal',
  summary: 'Heat: 16 bits with Planck constants or kelvin per step are degrees Celsius, else counts of the sensor; 8 bits are grey levels 0..255.',
  forms: [{
    name: 'planck16', type: 'uint16', channels: 1, constants: 5,
    matches: ({ calibration }) => calibration?.kind === 'planck',
    constantsOf: ({ calibration }) => (calibration?.kind === 'planck' ? [calibration.r1, calibration.r2, calibration.b, calibration.f, calibration.o] : [0, 0, 0, 0, 0]),
    intensity: celsius,
  }, {
    name: 'linear16', type: 'uint16', channels: 1, constants: 2,
    matches: ({ calibration }) => calibration === undefined || calibration.kind === 'kelvin',
    constantsOf: ({ calibration }) => (calibration?.kind === 'kelvin' ? [calibration.kelvinPerStep, -KELVIN] : [1, 0]),
    intensity: linear,
  }, {
    name: 'grey8', type: 'uint8', channels: 1, constants: 0,
    matches: ({ calibration }) => calibration === undefined,
    constantsOf: () => [],
    intensity: (graph, { values }) => ({ value: singleChannel(graph, values), unit: 1 }),
  }],
};

function celsius(graph: GraphBuilder, { values, calibration }: Samples): Intensity {
  const constant = (index: number): ReturnType<typeof graph.float> => (
    calibration === undefined ? graph.float(1) : graph.reshape(graph.slice(calibration, 1, index, index + 1), [-1, 1, 1, 1])
  );
  const [r1, r2, b, f, o] = [constant(0), constant(1), constant(2), constant(3), constant(4)];
  const signal = graph.op('Max', [graph.op('Add', [singleChannel(graph, values), o]), graph.float(1)]); // below its offset a sensor says nothing
  const ratio = graph.op('Div', [r1, graph.op('Mul', [r2, signal])]);
  return { value: graph.op('Sub', [graph.op('Div', [b, graph.op('Log', [graph.op('Add', [ratio, f])])]), graph.float(KELVIN)]), unit: 1 };
}

function linear(graph: GraphBuilder, { values, calibration }: Samples): Intensity {
  const counts = singleChannel(graph, values);
  if (calibration === undefined) return { value: counts, unit: 1 };
  const constant = (index: number): ReturnType<typeof graph.float> => graph.reshape(graph.slice(calibration, 1, index, index + 1), [-1, 1, 1, 1]);
  return { value: graph.op('Add', [graph.op('Mul', [counts, constant(0)]), constant(1)]), unit: 1 };
}
