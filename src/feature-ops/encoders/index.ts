import { colourHistogram } from './colour-histogram.ts';
import { depthNormals } from './depth-normals.ts';
import type { EncoderPlugin } from './encoder.ts';
import { hog } from './hog.ts';
import { lbp } from './lbp.ts';
import { motionEnergy } from './motion-energy.ts';
import { onnx } from './onnx.ts';
import { thermalStatistics } from './thermal-statistics.ts';

/** Every encoder. */
export const ENCODERS: readonly EncoderPlugin[] = [hog, colourHistogram, lbp, motionEnergy, depthNormals, thermalStatistics, onnx];
