export type { ChunkWriter, FrameDecoder, MediaPacket, PacketReader, Picture, Scaler } from './types.ts';
export { openReader, type ReaderOptions } from './reader.ts';
export { scrubUri } from './reader-errors.ts';
export { listenToLibav } from './libav.ts';
export {
  extradataParameterSets, framingOf, inBandParameterSets, isClosedGopStart, isSkippedLeading, joinParameterSets, nalUnits, parameterSetsDiffer, unitType,
  type UnitLayout,
} from './nal.ts';
export { createContentHash, type ContentHash } from './content-hash.ts';
export { chunkExtension, createChunkWriter } from './chunk-writer.ts';
export { LiveWriter, type LiveInput } from './live-writer.ts';
export { countFrames, cutTornTail, readChunkFile } from './chunk-file.ts';
export { createPictureDecoder as createDecoder } from './picture-decoder.ts';
export type { DecoderOptions } from './decoder.ts';
export { openNvdec } from './nvdec.ts';
export type { DeviceProbe, VideoDevice } from './video-device.ts';
export { createRasterReader, type RasterReader } from './raster-reader.ts';
export { describeStill, type StillDescription } from './stills/describe-still.ts';
export { jpegOf } from './jpeg.ts';
export { createScaler, type PooledScaler } from './scaler.ts';
export { openGeneratedReader, type GeneratedEncoding, type GeneratedOptions } from './synthetic-reader.ts';
export { mediaCapabilities, type MediaCapabilities } from './capabilities.ts';
export { changedParameters } from './parameter-change.ts';
