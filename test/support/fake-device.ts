import { AV_CODEC_ID_VP8, AV_PIX_FMT_CUDA, AV_PIX_FMT_NV12, AV_PIX_FMT_YUV420P } from 'node-av/constants';
import { Frame, SoftwareScaleContext } from 'node-av/lib';
import type { CodecContext } from 'node-av/lib';
import type { DeviceStream, PictureSize, VideoDevice } from '../../src/media/video-device.ts';

/** What a fake device does with the streams it is given. */
export type FakeConduct = 'takes' | 'refuses-stream' | 'refuses-open';

/** A device made of software: its pictures lie in plain memory, and come to the host as those of NVDEC do, as NV12 and of the size asked for. */
export class FakeDevice implements VideoDevice {
  readonly name = 'fake';
  readonly scales = true;
  /** Sizes that pictures were asked for. */
  readonly fetched: (PictureSize | undefined)[] = [];
  /** Every error of libav counts as the device's. */
  isBroken = false;
  open = 0;
  readonly #conduct: FakeConduct;

  constructor(conduct: FakeConduct) {
    this.#conduct = conduct;
  }

  decodes(codec: string): boolean { return codec === 'h264'; }

  attach(context: CodecContext): DeviceStream {
    this.open += 1;
    let isClosed = false;
    if (this.#conduct === 'refuses-open') context.codecId = AV_CODEC_ID_VP8;
    if (this.#conduct === 'refuses-stream') context.setHardwarePixelFormat(AV_PIX_FMT_CUDA, AV_PIX_FMT_YUV420P); // without a device: libav turns to the processor
    return {
      holds: () => this.#conduct === 'takes',
      fetch: (frame, size) => {
        this.fetched.push(size);
        return asNv12(frame, size);
      },
      isFailure: () => this.isBroken,
      close: () => {
        if (!isClosed) this.open -= 1;
        isClosed = true;
      },
    };
  }
}

function asNv12(frame: Frame, size: PictureSize = frame): Frame {
  const context = new SoftwareScaleContext();
  context.allocContext();
  context.setOption('sws_flags', 'bilinear');
  const target = new Frame();
  target.alloc();
  target.width = size.width;
  target.height = size.height;
  target.format = AV_PIX_FMT_NV12;
  target.colorSpace = frame.colorSpace;
  target.colorRange = frame.colorRange;
  target.getBuffer();
  context.scaleFrameSync(target, frame);
  context.freeContext();
  return target;
}
