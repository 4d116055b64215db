/** The library's front door. */
export { AppContext, MODALITIES, VisionPipeline, type DetectOptions, type Modality, type TransformOptions } from '../actors/batch/vision-pipeline.ts';
export { ERRORS, PlatformError, type ErrorCode, type Fate } from './engine/errors.ts';
export type { Box, DetectedRecord, DroppedRecord, DropReason, TerminalRecord } from './messages/terminal-record.ts';
