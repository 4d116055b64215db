import { Decoder, Demuxer, FilterAPI } from 'node-av/api';
import { createDecoder, createScaler, openReader } from '../../src/media/index.ts';
import type { FrameShape, ModelFrame } from '../../src/messages/model-frame.ts';

/** Decodes the first picture of a photo or video with libav and brings it to a model's shape (bilinear), independent of `src/media`. */
export async function loadPicture(path: string, shape: FrameShape): Promise<ModelFrame> {
  await using demuxer = await Demuxer.open(path);
  const stream = demuxer.video();
  if (!stream) throw new Error(`no picture in ${path}`);
  const { width, height } = stream.codecpar;
  const ratio = Math.min(shape.width / width, shape.height / height);
  const [innerWidth, innerHeight] = shape.fit === 'stretch' ? [shape.width, shape.height] : [Math.round(width * ratio), Math.round(height * ratio)];
  const [padX, padY] = shape.align === 'center' ? [(shape.width - innerWidth) >> 1, (shape.height - innerHeight) >> 1] : [0, 0];
  const pad = shape.padValue.toString(16).padStart(2, '0').repeat(3);
  const format = { rgb: 'rgb24', bgr: 'bgr24', gray: 'gray' }[shape.channels];
  using decoder = await Decoder.create(stream, { threadCount: 1 });
  using filter = FilterAPI.create(`scale=${innerWidth}:${innerHeight}:flags=bilinear,format=${format},pad=${shape.width}:${shape.height}:${padX}:${padY}:color=0x${pad}`, { threads: 1 });
  for await (const packet of demuxer.packets(stream.index)) {
    for (const picture of packet ? decoder.decodeAllSync(packet) : decoder.decodeAllSync(null)) {
      for (const scaled of picture ? filter.processAllSync(picture) : []) {
        const pixels = Uint8Array.prototype.slice.call(scaled.toBuffer());
        return {
          pixels, width: shape.width, height: shape.height, scaleX: innerWidth / width, scaleY: innerHeight / height,
          padX, padY, sourceWidth: width, sourceHeight: height,
        };
      }
    }
    if (!packet) break;
  }
  throw new Error(`no picture decoded from ${path}`);
}

/** The first picture of a photo or video, decoded and scaled as the pipeline does it. */
export async function scaledPicture(path: string, shape: FrameShape): Promise<ModelFrame> {
  const reader = await openReader({ uri: path, openTimeoutMs: 10_000 });
  const decoder = await createDecoder(reader.parameters, { threads: 1 });
  const scaler = createScaler(shape);
  try {
    const packet = await reader.read();
    const [picture] = packet ? [...decoder.decode({ frameSeq: 0, data: packet.data, isKey: true }), ...decoder.flush()] : [];
    if (!picture) throw new Error(`no picture decoded from ${path}`);
    const frame = scaler.scale(picture);
    picture.free();
    return frame;
  } finally {
    scaler.close();
    decoder.close();
    await reader.close();
  }
}

/** The first picture of a photo or video as it is, in RGB. */
export async function wholePicture(path: string): Promise<ModelFrame> {
  await using demuxer = await Demuxer.open(path);
  const { width = 0, height = 0 } = demuxer.video()?.codecpar ?? {};
  return loadPicture(path, { width, height, fit: 'stretch', align: 'top-left', padValue: 0, channels: 'rgb' });
}
