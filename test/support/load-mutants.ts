/** Child process of `mutated-models.test.ts`: loads damaged copies of a model file, and says of each how it ended. Arguments: file, seed, first, end, folder. */
import { readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { PlatformError } from '../../src/engine/errors.ts';
import { loadDetector } from '../../src/inference/load-detector.ts';
import { mutate } from './mutate.ts';

const [path = '', seed = '1', first = '0', end = '1', folder = '.'] = process.argv.slice(2);
const original = readFileSync(path);
const target = join(folder, 'mutant.onnx');

for (let index = Number(first); index < Number(end); index++) {
  writeSync(1, `${index} `); // before the attempt: after a crash the last line names the culprit
  writeFileSync(target, mutate(original, Number(seed), index));
  let outcome: string;
  try {
    const detector = await loadDetector({ model: target, family: 'yolox', providers: ['cpu'], scoreMin: 0.3, iouMax: 0.45, labels: [] }, { warn: () => undefined });
    await detector.close();
    outcome = 'loaded';
  } catch (error) {
    outcome = error instanceof PlatformError ? `refused ${error.code}` : `unnamed ${String(error)}`;
  }
  writeSync(1, `${outcome.split('\n')[0]}\n`);
}
