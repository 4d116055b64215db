import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CameraGroup } from '../../../actors/ingest/camera-group.ts';
import type { Actor, Exit, Supervised } from '../../../src/engine/actor.ts';
import type { CameraRow } from '../../../src/data-ops/store.ts';
import { deferred } from '../../../src/engine/timers.ts';
import { settle } from '../../support/fake-clock.ts';
import { camera } from '../../support/ledger-fixtures.ts';

const DOCK = camera('dock-2');
const row = (uri: string): CameraRow => ({ id: DOCK, uri, maxFps: null, isDetecting: true, isLooping: false });

/** Cameras that end when they are told to finish, or to leave and have nothing left. */
class Stage {
  readonly said: string[] = [];
  readonly group: CameraGroup;
  hasRest = false;
  #leave: (() => void) | undefined;

  constructor(isSpooling: boolean) {
    this.group = new CameraGroup({
      isSpooling, supervise: actor => this.#supervise(actor), onGone: id => { this.said.push(`gone ${id}`); },
      create: async ({ uri }, floor) => ({ name: DOCK, run: async () => { this.said.push(`${uri} behind ${floor}`); } }),
      createLeftover: async () => ({ name: DOCK, run: async () => { this.said.push('leftover'); } }),
    });
  }

  /** Everything is handed over. */
  empty(): void { this.#leave?.(); }

  #supervise(actor: Actor): Supervised {
    const exit = deferred<Exit>();
    void actor.run({} as never); // these cameras use nothing of it
    this.#leave = () => exit.resolve({ reason: 'ended' });
    return {
      name: actor.name, exit: exit.promise, report: () => ({}) as never, stop: async () => { exit.resolve({ reason: 'stopped' }); return exit.promise; },
      tell: message => {
        const { type } = message as { readonly type: string };
        this.said.push(type);
        if (type === 'finish' || !this.hasRest) exit.resolve({ reason: 'ended' });
      },
    } as Supervised;
  }
}

test('a camera that is wanted otherwise ends in order before it starts anew; the same wish again changes nothing', async () => {
  const { group, said } = new Stage(false);
  await group.put(row('one'));
  await group.put(row('one'));
  await group.put(row('two'));
  await group.remove(DOCK);
  assert.equal(said, ['one behind 0', 'finish', 'two behind 0', 'finish', 'gone dock-2']);
});

test('a camera of a cluster leaves when nothing of it is left, and starts at once when it is wanted again meanwhile', async () => {
  const stage = new Stage(true);
  const { group, said } = stage;
  await group.put(row('one'), 5);
  stage.hasRest = true;
  const leaving = group.remove(DOCK);
  await settle();
  assert.equal(said, ['one behind 5', 'leave']);
  await group.put(row('one'), 9);
  await leaving;
  assert.equal(said.slice(2), ['finish', 'one behind 9'], 'it is not said to be gone');
  const gone = group.remove(DOCK);
  await settle();
  stage.empty();
  await gone;
  assert.equal(said.slice(4), ['leave', 'gone dock-2']);
});

test('a removal that is taken back before it began touches nothing', async () => {
  const { group, said } = new Stage(true);
  await group.put(row('one'));
  await Promise.all([group.remove(DOCK), group.put(row('one'))]);
  assert.equal(said, ['one behind 0']);
});

test('what is left of a camera is handed over, and makes way for the camera itself', async () => {
  const stage = new Stage(true);
  await stage.group.handOver(DOCK);
  await stage.group.put(row('one'));
  assert.equal(stage.said, ['leftover', 'finish', 'finish', 'one behind 0'], 'told at once, and again in its turn');
  const other = new Stage(true);
  await other.group.handOver(DOCK);
  other.empty();
  await settle();
  assert.equal(other.said, ['leftover', 'gone dock-2']);
});

test('a new session lies behind the epoch that another node had', async () => {
  const { group, said } = new Stage(true);
  await group.renew(DOCK, 3);
  await group.put(row('one'));
  await group.renew(DOCK, 8);
  assert.equal(said, ['one behind 3', 'finish', 'one behind 8']);
});

test.run();
