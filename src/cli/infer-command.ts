import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { systemRandom } from '../engine/seeded-random.ts';
import { systemClock } from '../engine/system-clock.ts';
import { pictureNames } from '../ingress/picture-names.ts';
import { wantedProviders } from '../utility-ops/config/wanted-providers.ts';
import { loadConfig } from '../utility-ops/config/load-config.ts';
import { runBatch } from '../../actors/batch/batch-run.ts';
import type { Invocation } from './arguments.ts';
import { readLabels } from './labels.ts';
import { createOutputWriter } from './output-formats.ts';
import { ProgressBar } from './progress-bar.ts';

type InferInvocation = Extract<Invocation, { command: 'infer' }>;

/** `vto infer`: every frame of a file, or every picture of a folder, to the end. Blocks rather than drops. */
export async function inferCommand(invocation: InferInvocation, cwd: string): Promise<number> {
  const config = loadConfig({ files: invocation.configFiles, environment: process.env, flags: invocation.flags, cwd });
  const { model, family, inputSize, labels, scoreMin, iouMax } = config.modelOps;
  const names = await pictureNames(invocation.input);
  const writer = createOutputWriter(invocation.format, names === undefined ? {} : { pictureNames: names });
  const bar = new ProgressBar({
    isTerminal: process.stderr.isTTY === true, columns: () => process.stderr.columns ?? 80, clock: systemClock, write: text => { process.stderr.write(text); },
  });
  const out: Writable = invocation.out === undefined ? process.stdout : createWriteStream(invocation.out);
  const put = async (text: string): Promise<void> => { if (text !== '' && !out.write(text)) await once(out, 'drain'); };
  let total: number | null = null;
  let done = 0;
  let detected = 0;
  const records = runBatch({
    uri: invocation.input, decoder: config.vision.decoder, tracker: config.vision.tracker, every: invocation.every, maxFps: invocation.maxFps || null,
    ...invocation.samples && { samples: invocation.samples }, clock: systemClock, random: systemRandom,
    model: { model, family, size: inputSize, scoreMin, iouMax, providers: wantedProviders(config.modelOps), labels: invocation.labelsFile === undefined ? labels : readLabels(invocation.labelsFile) },
    onOpened: opened => { total = opened.expectedUnits; },
  });
  const dropped: Record<string, number> = {};
  await put(writer.open());
  for await (const record of records) {
    if (record.kind === 'detected') {
      detected += 1;
      // A picture that cannot be read has no frame: the time, one second a picture, still tells which one this is.
      const index = names === undefined ? record.frameSeq : Math.round(record.ptsSeconds ?? record.frameSeq);
      const fileName = names?.[index];
      await put(writer.frame({ record, index, ...(fileName === undefined ? {} : { fileName }) }));
    } else dropped[record.reason] = (dropped[record.reason] ?? 0) + record.to - record.from + 1;
    done += record.kind === 'detected' ? 1 : record.to - record.from + 1;
    bar.update(done, total);
  }
  await put(writer.close());
  bar.end();
  if (out !== process.stdout) { out.end(); await once(out, 'finish'); }
  const rest = Object.entries(dropped).map(([reason, count]) => `, ${count} ${reason}`).join('');
  process.stderr.write(`${done} frames: ${detected} detected${rest}\n`);
  return 0;
}
