import { FF_ENCODER_LIBX264, FF_ENCODER_LIBX265 } from 'node-av/constants';
import { Codec as Decoders, getFFmpegInfo, HardwareDeviceContext } from 'node-av/lib';
import { CODEC_IDS, CODECS, type LibavCodec } from './libav.ts';

/** What the media library on this machine can do. */
export interface MediaCapabilities {
  /** Of FFmpeg, such as `8.1-Jellyfin`. */
  readonly version: string;
  /** Licence in effect of the binary, told from how it was configured. */
  readonly licence: 'LGPL-2.1-or-later' | 'LGPL-3.0-or-later' | 'GPL-2.0-or-later' | 'GPL-3.0-or-later';
  /** Libraries beside the licence above whose terms a redistributor must look at (`libfdk-aac`). */
  readonly nonFree: readonly string[];
  /** The configure line of the build. */
  readonly configuration: string;
  /** libav's decoder for each codec that we record; undefined where there is none. */
  readonly decoders: Readonly<Record<LibavCodec, string | undefined>>;
  /** Encoders of the generated camera. */
  readonly encoders: readonly string[];
  /** Hardware devices that opened here, such as `cuda` or `vaapi`. */
  readonly hardware: readonly string[];
}

/** Asks libav; tries each hardware device once, which takes up to some 100 ms each where there is a driver. */
export function mediaCapabilities(): MediaCapabilities {
  const { version, configuration } = getFFmpegInfo();
  const decoders = Object.fromEntries(CODECS.map((codec) => [codec, Decoders.findDecoder(CODEC_IDS[codec])?.name ?? undefined]));
  return {
    version, configuration, licence: licenceOf(configuration),
    nonFree: ['libfdk-aac', 'decklink'].filter((library) => configuration.includes(`--enable-${library}`)),
    decoders: decoders as MediaCapabilities['decoders'], // one entry for each of CODECS
    encoders: [FF_ENCODER_LIBX264, FF_ENCODER_LIBX265].filter((name) => Decoders.findEncoderByName(name) !== null),
    hardware: HardwareDeviceContext.iterateTypes().filter(opens).map((type) => HardwareDeviceContext.getTypeName(type) ?? String(type)),
  };
}

function licenceOf(configuration: string): MediaCapabilities['licence'] {
  const isVersion3 = configuration.includes('--enable-version3');
  if (configuration.includes('--enable-gpl')) return isVersion3 ? 'GPL-3.0-or-later' : 'GPL-2.0-or-later';
  return isVersion3 ? 'LGPL-3.0-or-later' : 'LGPL-2.1-or-later';
}

function opens(type: Parameters<HardwareDeviceContext['create']>[0]): boolean {
  const device = new HardwareDeviceContext();
  const code = device.create(type);
  if (code >= 0) device.free();
  return code >= 0;
}
