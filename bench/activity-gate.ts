import type { Bench, BenchRow } from './support/bench.ts';
import { CONFIDENT, playGated, type GateClip, type GateRound } from '../test/support/gated-clip.ts';
import { ENCODINGS, recordedClip, RECORDINGS, syntheticClip } from './support/gate-clips.ts';

/** The empty stretches of this one are told of. */
const ROOM = 'one-by-one-person-detection.mp4';
const [CRF_SCENE] = Object.keys(ENCODINGS);

function statesText({ states, score, decodes }: GateRound): string {
  const parts = Object.entries(states).toSorted((a, b) => b[1] - a[1]).map(([state, share]) => `${state} ${(share * 100).toFixed(0)} %`);
  return `${parts.join(', ')}; score ${score.toFixed(2)}; ${decodes.toFixed(2)} decodes a frame`;
}

function rowsOf(clip: GateClip, [first, second]: readonly GateRound[]): BenchRow[] {
  const rows: BenchRow[] = [];
  for (const [text, round] of [['first time', first], ['learnt', second]] as const) {
    if (!round) continue;
    const name = `${clip.name}, ${text}`;
    if (round.confident > 0) rows.push({ what: `${name}: recall of ${round.confident} frames`, figure: round.recall, unit: 'ratio', runs: [round.recall], target: { is: '≥', value: 0.99 } });
    rows.push({
      what: `${name}: share skipped`, figure: round.skipped, unit: 'ratio', runs: [round.skipped], bound: statesText(round),
      ...(clip.name === CRF_SCENE ? { target: { is: '≥' as const, value: 0.6 } } : {}),
    });
    if (clip.name === ROOM || clip.truth === 'ground truth') {
      rows.push({
        what: `${name}: share skipped of empty stretches`, figure: round.skippedOfEmpty, unit: 'ratio', runs: [round.skippedOfEmpty],
        ...(clip.name === ROOM ? { target: { is: '≥' as const, value: 0.6 } } : {}),
      });
    }
  }
  return rows;
}

/** What the activity gate lets through, and what it spares, with the same settings for all. */
export const activityGate: Bench = {
  name: 'activity-gate',
  question: 'What does the activity gate let through of what a detector finds, and what does it spare?',
  async run({ isQuick, say }) {
    const rows: BenchRow[] = [];
    const measure = async (clip: GateClip): Promise<void> => {
      const rounds = await playGated(clip, 2);
      for (const round of rounds) say(`${clip.name}: recall ${round.recall.toFixed(4)} of ${round.confident}, skipped ${round.skipped.toFixed(3)}, of empty ${round.skippedOfEmpty.toFixed(3)}; ${statesText(round)}`);
      rows.push(...rowsOf(clip, rounds));
    };
    for (const [name, encoder] of Object.entries(ENCODINGS).slice(0, isQuick ? 2 : undefined)) await measure(await syntheticClip(name, encoder, isQuick ? 60 : 300));
    for (const name of isQuick ? RECORDINGS.slice(3, 5) : RECORDINGS) {
      const clip = await recordedClip(name, say);
      if (clip) await measure(clip);
      else say(`${name}: the shared recordings or models are not there`);
    }
    return {
      rows,
      conditions: [
        `default settings for all (probeHz 2, gateHoldMs 500); a frame counts for the recall when a detection on every frame finds something with a score of ${CONFIDENT} or more; detections from 0.3 on are told to the gate`,
        'synthetic: a yard of 640x360 at 15 frames a second where somebody crosses now and then, small and far away too, or stands still for ten seconds, and a car drives past; the detector is the ground truth (objects that show by 60 % or more)',
        'recordings: YOLOX-nano; those without a row for the recall hold nothing that it finds confidently',
        'played twice to one camera: the first time it knows nothing, the second time it has learnt from the first; real decoder, through the featurizer that production uses, every frame checked to end exactly once',
        `empty: stretches of three seconds or more without a confident detection; in them key frames and the moments around what comes and goes are decoded all the same`,
      ],
    };
  },
};
