import type { CodecContext, Frame } from 'node-av/lib';
import type { Codec } from '../messages/stream-parameters.ts';

/** Width and height in pixels. */
export interface PictureSize { readonly width: number; readonly height: number }

/** One stream that is decoded on a device. */
export interface DeviceStream {
  /** True when the picture lies in the memory of the device: libav decodes a stream that the device refuses on the processor, without a word. */
  holds(frame: Frame): boolean;
  /**
   * The picture in the memory of the host, scaled to `size` by the device first where it can. Borrowed until the next call.
   * @throws PlatformError DEVICE_FAILED
   */
  fetch(frame: Frame, size?: PictureSize): Frame;
  /** True for an error of libav that is the device's and not the stream's. */
  isFailure(code: number): boolean;
  /** Idempotent. */
  close(): void;
}

/** A part of this machine that decodes video beside the processor. */
export interface VideoDevice {
  /** As it is shown: `nvdec`. */
  readonly name: string;
  /** It can make pictures smaller before they come to the host. */
  readonly scales: boolean;
  decodes(codec: Codec): boolean;
  /** Has a context, which is not open yet, decode on the device. */
  attach(context: CodecContext): DeviceStream;
}

/** What came of looking for a device. */
export type DeviceProbe = { readonly device: VideoDevice } | { readonly device: undefined; readonly reason: string };
