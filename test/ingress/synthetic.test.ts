import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { createSource } from '../../src/ingress/index.ts';
import { libavAccess } from '../../src/ingress/libav-access.ts';
import { parseSyntheticUri } from '../../src/ingress/synthetic.ts';
import type { SourceUnit } from '../../src/messages/access-unit.ts';

const signal = new AbortController().signal;
const ctx = { clock: systemClock, random: seededRandom(1) };

async function unitsOf(uri: string, options: object, most = Infinity): Promise<SourceUnit[]> {
  const session = await (await createSource({ uri, options, media: libavAccess, ctx })).open(signal);
  const units: SourceUnit[] = [];
  while (units.length < most) {
    const unit = await session.next(signal);
    if (unit === undefined) break;
    units.push(unit);
  }
  await session.close();
  return units;
}

test('a batch of so many pictures at its rate, from 1970 on, with a key unit every two seconds', async () => {
  const units = await unitsOf('synthetic://yard?size=160x90&fps=10&frames=45', { isPaced: false });
  assert.equal(units.map(({ capturedAt }) => capturedAt), Array.from({ length: 45 }, (_, index) => index * 100_000));
  assert.equal(units.flatMap(({ isKey }, index) => (isKey ? [index] : [])), [0, 20, 40]);
  const { parameters } = units[0]!;
  assert.equal([parameters?.codec, parameters?.width, parameters?.height, parameters?.frameRate], ['h264', 160, 90, 10]);
});

test('played live it keeps its rate and does not end', async () => {
  const startMs = performance.now();
  const units = await unitsOf('synthetic://street?size=160x90&fps=30', {}, 31);
  const tookMs = performance.now() - startMs;
  assert.is(units.length, 31);
  assert.ok(tookMs >= 1000, `${tookMs} ms`);
  assert.equal(units.slice(1).map(({ capturedAt }, index) => Math.round((capturedAt - units[index]!.capturedAt) / 1000)).filter((ms) => ms !== 33), []);
});

test('what a uri leaves out has a default, and sizes other than 16:9 work', async () => {
  const { scene, frameRate, frames } = parseSyntheticUri('synthetic://street');
  assert.equal([scene.width, scene.height, frameRate, frames], [640, 360, 15, undefined]);
  assert.is((await unitsOf('synthetic://street?size=320x320&frames=2', { isPaced: false })).length, 2);
});

test('wrong parts of a uri are named', () => {
  const message = (uri: string): string => {
    try {
      parseSyntheticUri(uri);
      return 'accepted';
    } catch (error) {
      return error instanceof PlatformError && error.code === 'CONFIG_INVALID' ? error.message : String(error);
    }
  };
  assert.match(message('synthetic://moon'), "unknown scene 'moon' (known: street, yard)");
  assert.match(message('synthetic://street?fps=0'), 'fps');
  assert.match(message('synthetic://street?size=641x360'), 'not even');
  assert.match(message('synthetic://street?size=big'), 'WIDTHxHEIGHT');
  assert.match(message('synthetic://street?speed=2'), 'speed');
});

test.run();
