import type { ProviderCapability } from '../../inference/capabilities.ts';
import type { DeviceProbe } from '../../media/index.ts';
import type { Config } from '../../utility-ops/config/schema.ts';
import { wantedProviders } from '../../utility-ops/config/wanted-providers.ts';
import type { Finding } from './finding.ts';

/** Which execution providers start; a wanted one that does not is a failure only when nothing wanted after it does. */
export function providerFindings(modelOps: Config['modelOps'], found: readonly ProviderCapability[]): readonly Finding[] {
  const wanted = wantedProviders(modelOps);
  const used = wanted.find(name => found.some(row => row.name === name && row.isAvailable));
  const rows = found.map(({ name, isAvailable, reason }): Finding => {
    if (isAvailable) return { level: 'ok', topic: `onnx ${name}`, says: 'starts' };
    const isWanted = wanted.includes(name) && (used === undefined || wanted.indexOf(name) < wanted.indexOf(used));
    const level = !isWanted ? 'note' : used === undefined ? 'fail' : 'warn';
    return { level, topic: `onnx ${name}`, says: `does not start: ${reason}${isWanted && used !== undefined ? `; ${used} runs the model instead` : ''}` };
  });
  const unknown = wanted.filter(name => !found.some(row => row.name === name));
  return [...rows, ...unknown.map((name): Finding => ({ level: 'fail', topic: `onnx ${name}`, says: `unknown execution provider (known: ${found.map(row => row.name).join(', ')})` }))];
}

/** Whether NVIDIA's decoder can be used, and would be. */
export function nvdecFinding(decoder: Config['vision']['decoder'], probe: DeviceProbe): Finding {
  const topic = 'nvdec';
  if (probe.device === undefined) return { level: decoder === 'nvdec' ? 'warn' : 'note', topic, says: `not here, video is decoded on the processor: ${probe.reason}` };
  const scaling = probe.device.scales ? 'scales pictures before they come to the host' : 'cannot scale: pictures come to the host at full size';
  return { level: 'ok', topic, says: `opens, ${scaling}${decoder === 'software' ? '; not used (vision.decoder)' : ''}` };
}
