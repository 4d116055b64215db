import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { memoryPort } from '../../../actors/wiring.ts';
import { runIntake } from '../../../actors/vision/intake.ts';
import type { CameraId } from '../../../src/engine/units.ts';
import type { ChunkPart } from '../../../src/messages/chunk-part.ts';
import type { FeatureRequest } from '../../../src/messages/feature.ts';
import { envelope, NEVER } from '../../support/envelopes.ts';
import { fakeClock, settle } from '../../support/fake-clock.ts';

function part(camera: string, partSeq: number, isRecovered = false): ChunkPart {
  return { camera: camera as CameraId, partSeq, isRecovered } as ChunkPart; // the intake looks at nothing else
}

/** An intake with parts in front of it and nobody who takes them yet. */
function startIntake(parts: readonly ChunkPart[], catchUpMs = 0) {
  const clock = fakeClock();
  const input = memoryPort<ChunkPart>(4096);
  const output = memoryPort<FeatureRequest<ChunkPart>>(0);
  const acknowledged: string[] = [];
  for (const body of parts) void input.output.push([envelope(body, body.camera)], NEVER).then(() => acknowledged.push(`${body.camera}${body.partSeq}`));
  input.end();
  const ended = runIntake({ input: input.input, output: output.output, whenIdle: async () => {}, stalenessMs: 100, catchUpMs, credit: 64, clock, signal: NEVER }).then(() => output.end());
  const take = async (): Promise<string | undefined> => {
    const delivery = await output.input.pull(1, NEVER);
    await delivery?.ack();
    const request = delivery?.items[0]?.body;
    return request === undefined ? undefined : `${request.part.camera}${request.part.partSeq}${request.isStale ? ' stale' : ''}`;
  };
  return { clock, take, ended, acknowledged };
}

async function takeAll(take: () => Promise<string | undefined>): Promise<string[]> {
  const all: string[] = [];
  for (let next = await take(); next !== undefined; next = await take()) all.push(next);
  return all;
}

test('what waited too long is handed on in its turn, as stale, while a newer one of its camera waits', async () => {
  const { clock, take, ended, acknowledged } = startIntake([part('a', 0), part('a', 1), part('a', 2), part('b', 0)]);
  await settle();
  await clock.advance(101);
  assert.equal(await takeAll(take), ['a0 stale', 'a1 stale', 'b0', 'a2']);
  await ended;
  await settle();
  assert.equal(acknowledged.sort(), ['a0', 'a1', 'a2', 'b0']);
});

test('nothing is stale within its budget', async () => {
  const { clock, take } = startIntake([part('a', 0), part('a', 1)]);
  await settle();
  await clock.advance(100);
  assert.equal(await takeAll(take), ['a0', 'a1']);
});

test('frames that were missed are caught up with for so long before they count as stale', async () => {
  const missed = [part('a', 0, true), part('a', 1, true), part('a', 2, true), part('a', 3)];
  const { clock, take } = startIntake(missed, 1000);
  await settle();
  await clock.advance(5000);
  assert.is(await take(), 'a0'); // the catching up starts here
  await clock.advance(1000);
  assert.is(await take(), 'a1');
  await clock.advance(1);
  assert.equal(await takeAll(take), ['a2 stale', 'a3']);
});

test('nothing is acknowledged before it is taken', async () => {
  const { take, acknowledged } = startIntake([part('a', 0), part('a', 1)]);
  await settle();
  assert.equal(acknowledged, []);
  assert.equal(await takeAll(take), ['a0', 'a1']);
  await settle();
  assert.equal(acknowledged, ['a0', 'a1']);
});

test.run();
