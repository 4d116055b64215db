import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nodeName } from '../../../actors/root/node-name.ts';
import { seededRandom } from '../../../src/engine/seeded-random.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test('a node keeps its name for as long as its data live; another has another', async () => {
  const random = seededRandom(1);
  const folder = temporaryFolder();
  const name = await nodeName(folder, random);
  assert.match(name, /^[a-z0-9][a-z0-9-]*-[0-9a-f]{8}$/);
  assert.is(await nodeName(folder, random), name);
  assert.is.not(await nodeName(temporaryFolder(), random), name);
});

test.run();
