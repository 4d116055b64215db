import { openSqliteStore } from '../../src/data-ops/sqlite-store.ts';
import { camera, detected, frozenClock } from './ledger-fixtures.ts';
import { writeSync } from 'node:fs';

/** Child process of the kill test: appends batches that overlap the last one, and prints the last frame after each acknowledgement. */
const store = openSqliteStore(process.argv[2]!, { clock: frozenClock });
const dock = camera('dock-2');
let next = 0;
while (store.hasRecord({ camera: dock, epoch: 1, frameSeq: next })) next += 1;
for (;;) {
  const batch = Array.from({ length: 16 }, (_, index) => detected(dock, 1, Math.max(0, next - 3) + index));
  store.append(batch);
  next = batch.at(-1)!.frameSeq + 1;
  writeSync(1, `${next - 1}\n`);
}
