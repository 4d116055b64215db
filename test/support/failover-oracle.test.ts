import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { judgeLadder, type LadderEvidence, type RecordedFrame } from './failover-oracle.ts';

const [MAIN, SUB] = [320, 160];
const at = (ms: number): number => 1_000_000 + ms * 1000;

/** Frames of a source, 40 ms apart, with its counters from `counter` on. */
function frames(epoch: number, width: number, counter: number, pts: number, count = 5): RecordedFrame[] {
  return Array.from({ length: count }, (_, index) => ({
    epoch, width, counter: counter + index, capturedAt: at((counter + index) * 40), isKey: index === 0, pts: pts + index * 0.04, dts: pts + index * 0.04,
  }));
}

const log = Array.from({ length: 100 }, (_, counter) => ({ counter, sentAtMicros: at(counter * 40), isKey: counter % 5 === 0, clientSession: 1 }));

/** The main stream, then the sub-stream from before its end on, then the main stream after a gap that was told. */
const TRUE: LadderEvidence = {
  epochs: [frames(1, MAIN, 0, 0), frames(2, SUB, 3, 0.2), frames(3, MAIN, 20, 0.9)],
  sent: new Map([[MAIN, log], [SUB, log]]), gaps: [{ from: at(280), to: at(800) }],
};
const changed = (change: (epochs: RecordedFrame[][]) => void): LadderEvidence => {
  const epochs = TRUE.epochs.map((each) => [...each]);
  change(epochs);
  return { ...TRUE, epochs };
};

test('what is true passes', () => {
  assert.equal(judgeLadder(TRUE), []);
});

test('every kind of fault is seen', () => {
  const cases: readonly [RegExp, LadderEvidence][] = [
    [/nobody told of the gap of 520 ms in front of epoch 3/, { ...TRUE, gaps: [] }],
    [/a gap was told of where there is none/, { ...TRUE, gaps: [...TRUE.gaps, { from: at(160), to: at(200) }] }],
    [/counter 2 follows 0 in epoch 1/, changed(([first]) => first!.splice(1, 1))],
    [/counter 1 follows 1 in epoch 1/, changed(([first]) => first!.splice(1, 0, { ...first![1]!, dts: 0.05 }))],
    [/was never sent by the source of width 160/, { ...TRUE, sent: new Map([[MAIN, log], [SUB, log.slice(5)]]) }],
    [/bears no|was never sent/, changed(([first]) => { first![2] = { ...first![2]!, counter: null }; })],
    [/does not begin with a key frame/, changed(([, second]) => { second![0] = { ...second![0]!, isKey: false }; })],
    [/frame 0 of epoch 2 has DTS 0.1/, changed(([, second]) => { second![0] = { ...second![0]!, pts: 0.1, dts: 0.1 }; })],
    [/frame 3 of epoch 3 has DTS/, changed(([, , third]) => { third![3] = { ...third![3]!, dts: third![2]!.dts }; })],
  ];
  for (const [message, evidence] of cases) assert.match(judgeLadder(evidence).join('\n'), message);
});

test.run();
