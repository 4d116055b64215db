import { writeSync } from 'node:fs';
import { camera } from './ledger-fixtures.ts';
import { record } from './recording.ts';

/** Child process of the kill test: records without end, and prints the number of each frame that was passed on. */
await record({
  folder: process.argv[2]!, camera: camera('dock-2'), epoch: Number(process.argv[3]), count: Number.POSITIVE_INFINITY,
  onPart: (part) => { writeSync(1, `${part.units[0]!.frameSeq}\n`); },
});
