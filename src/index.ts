/** The library's front door. */
export { AppContext, MODALITIES, VisionPipeline, type DetectOptions, type IngestOptions, type TransformOptions } from '../actors/batch/vision-pipeline.ts';
export { ERRORS, PlatformError, type ErrorCode, type Fate } from './engine/errors.ts';
export type { Encoder } from './feature-ops/encoders/encoder.ts';
export { FeatureFactory, type EncodingOptions } from './feature-ops/feature-factory.ts';
export type { DepthCalibration, Modality, PlanckCalibration, Raster } from './messages/raster.ts';
export type { Box, DetectedRecord, DroppedRecord, DropReason, TerminalRecord } from './messages/terminal-record.ts';
