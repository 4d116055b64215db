import { createDecoder, openNvdec, type DeviceProbe } from '../../src/media/index.ts';
import type { FrameDecoder } from '../../src/media/types.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { StreamParameters } from '../../src/messages/stream-parameters.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import type { RoleContext } from '../process/role-process.ts';

/** Providers whose card can decode too. */
const NVIDIA: readonly string[] = ['cuda', 'tensorrt'];

/** Makes the decoder of a camera's stream. */
export type CreateDecoder = (parameters: StreamParameters, camera: CameraId) => Promise<FrameDecoder>;

/**
 * How the streams of a process are decoded: looks for a device once, if one is wanted; where there is none, or it refuses a stream, the processor decodes, which is
 * told once for the process or for the stream.
 * @param provider that runs the model of this process
 */
export function decodingOf(wanted: Config['vision']['decoder'] | undefined, provider: string, { log, telemetry }: Pick<RoleContext, 'log' | 'telemetry'>, open: () => DeviceProbe = openNvdec): CreateDecoder {
  const isWanted = wanted === 'nvdec' || ((wanted ?? 'auto') === 'auto' && NVIDIA.includes(provider));
  const probe = isWanted ? open() : undefined;
  const device = probe?.device;
  if (probe && probe.device === undefined) log.warn({ wanted: 'nvdec', used: 'software', reason: probe.reason }, 'video is decoded on the processor');
  if (device) log.info({ device: device.name, scales: device.scales }, 'video is decoded on a device');
  return (parameters, camera) => createDecoder(parameters, {
    threads: 1, device,
    onSoftware: reason => {
      telemetry.count('decoderFallbacks', { camera });
      log.warn({ camera, wanted: device?.name ?? '', used: 'software', reason }, 'a stream is decoded on the processor');
    },
  });
}
