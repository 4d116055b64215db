import { singleChannel, type ModalityPlugin } from './modality.ts';

/** Distances, 16 bits. Their intensity is metres; 0 where there is no reading. */
export const depth: ModalityPlugin = {
  name: 'depth',
  summary: 'Distance, 16 bits with metres per step; intensity is metres, 0 where nothing was read.',
  forms: [{
    name: 'depth16', type: 'uint16', channels: 1, constants: 1,
    matches: ({ calibration }) => calibration?.kind === 'depth',
    constantsOf: ({ calibration }) => [calibration?.kind === 'depth' ? calibration.metresPerStep : 0],
    intensity: (graph, { values, calibration }) => ({
      value: graph.op('Mul', [singleChannel(graph, values), calibration === undefined ? graph.float(1) : graph.reshape(calibration, [-1, 1, 1, 1])]), unit: 1,
    }),
  }],
};
