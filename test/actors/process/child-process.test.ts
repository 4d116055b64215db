import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ProcessActor, type ProcessOptions } from '../../../actors/process/child-process.ts';
import { createActorSystem, type ActorSystem } from '../../../src/engine/actor-system.ts';
import type { Supervised } from '../../../src/engine/actor.ts';
import type { PlatformError } from '../../../src/engine/errors.ts';
import type { LifecycleEvent } from '../../../src/engine/lifecycle.ts';
import { systemRandom } from '../../../src/engine/seeded-random.ts';
import { systemClock } from '../../../src/engine/system-clock.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const POLICY = { maxRestarts: 1000, windowMs: 30_000, backoffMs: 5, backoffMaxMs: 20, jitter: 0, stallMs: 700, stopMs: 3_000 };

interface Started { readonly actor: ProcessActor; readonly supervised: Supervised; readonly system: ActorSystem; readonly events: LifecycleEvent[]; readonly lines: string[]; readonly pids: Set<number> }

/** Starts a role whose program is `body`; it can use `say` and `onSaid`. */
async function start(folder: string, body: string, options: Partial<ProcessOptions> = {}): Promise<Started> {
  const entry = join(folder, 'role.mjs');
  await writeFile(entry, `const say = message => process.send(message);\nconst onSaid = listener => process.on('message', listener);\nprocess.on('disconnect', () => process.exit(1));\n${body}`);
  const events: LifecycleEvent[] = [];
  const lines: string[] = [];
  const system = createActorSystem({ name: 'test', clock: systemClock, random: systemRandom, onEvent: event => { events.push(event); } });
  const actor = new ProcessActor({
    name: 'role', role: 'store', settings: () => ({ greeting: 'hello' }), threadPoolSize: 2, clock: systemClock, stopMs: 400, entry,
    onLine: (_name, line) => { lines.push(line); }, ...options,
  });
  return { actor, system, events, lines, supervised: system.supervise(actor, POLICY), pids: new Set() };
}

function isAlive(pid: number): boolean {
  try { return process.kill(pid, 0); } catch { return false; }
}

const failures = (events: readonly LifecycleEvent[]): PlatformError[] => events.flatMap(event => (event.type === 'failed' ? [event.error as PlatformError] : []));

/** Runs a case, then checks that no process is left. */
async function withRole(body: string, check: (started: Started) => Promise<void>, options: Partial<ProcessOptions> = {}): Promise<void> {
  const started = await start(temporaryFolder(), body, options);
  const watch = setInterval(() => { if (started.actor.pid !== undefined) started.pids.add(started.actor.pid); }, 1);
  try {
    await check(started);
  } finally {
    await started.system.stop();
    clearInterval(watch);
  }
  await eventually(() => [...started.pids].every(pid => !isAlive(pid)), 'no process is left');
}

test('gives the process variables of its own, besides those of this one', async () => {
  const notes: unknown[] = [];
  await withRole('onSaid(message => { if (message.type === "start") say({ type: "note", note: [process.env.CUDA_VISIBLE_DEVICES, process.env.PATH] }); if (message.type === "stop") process.exit(0); });', async () => {
    await eventually(() => notes.length > 0, 'the process told its environment');
    assert.equal(notes[0], ['2', process.env['PATH']]);
  }, { env: { CUDA_VISIBLE_DEVICES: '2' }, onNote: note => notes.push(note) });
});

test('hands settings, messages and notes over, says when it is ready, and stops when told', async () => {
  const notes: unknown[] = [];
  await withRole(`onSaid(message => {
    if (message.type === 'start') { say({ type: 'note', note: message.settings }); say({ type: 'ready' }); }
    if (message.type === 'tell') say({ type: 'note', note: message.message });
    if (message.type === 'metrics') say({ type: 'metrics', id: message.id, snapshot: 'figures' });
    if (message.type === 'stop') process.exit(0);
  });`, async ({ actor, supervised, events }) => {
    await actor.untilReady();
    supervised.tell({ camera: 'a' });
    await eventually(() => notes.length === 2, 'both notes');
    assert.equal(notes, [{ greeting: 'hello' }, { camera: 'a' }]);
    assert.is(await actor.metrics(), 'figures');
    await supervised.stop();
    assert.equal(failures(events), []);
    assert.not.ok(actor.isReady);
    assert.is(await actor.metrics(), undefined);
  }, { onNote: note => { notes.push(note); } });
});

test('a process that crashes at once is started again, and its last words are in the error', async () => {
  await withRole(`console.error('no such library'); process.exit(7);`, async ({ events, actor }) => {
    await eventually(() => failures(events).length >= 2, 'two crashes');
    const [error] = failures(events);
    assert.is(error?.code, 'PROCESS_EXITED');
    assert.match(error?.message ?? '', /exit code 7/);
    assert.match(String(error?.facts['last']), /no such library/);
    assert.not.ok(actor.isReady);
  });
});

test('an error that the role tells is the failure, with its code', async () => {
  await withRole(`onSaid(message => {
    if (message.type === 'start') say({ type: 'failed', error: { code: 'STORE_FAILED', message: 'disk full', facts: {} } }), setTimeout(() => process.exit(1), 20);
  });`, async ({ events }) => {
    await eventually(() => failures(events).length > 0, 'a failure');
    assert.is(failures(events)[0]?.code, 'STORE_FAILED');
  });
});

test('a process that reports but is never ready counts as stalled after its limit', async () => {
  await withRole(`setInterval(() => say({ type: 'report', report: { name: 'role', children: [] }, isAlive: true }), 50); onSaid(message => { if (message.type === 'stop') process.exit(0); });`, async ({ events, actor }) => {
    const first = await pidOf(actor);
    await eventually(() => failures(events).length > 0, 'stalled', 6000);
    assert.is(failures(events)[0]?.code, 'STALLED');
    await eventually(() => actor.pid !== undefined && actor.pid !== first, 'the next generation');
  }, { startLimitMs: 300 });
});

test('a process that was ready and falls silent is replaced, although it ignores the wish to stop', async () => {
  await withRole(`onSaid(message => { if (message.type === 'start') { say({ type: 'ready' }); setTimeout(() => { for (;;); }, 50); } });`, async ({ events, actor }) => {
    await actor.untilReady();
    const first = await pidOf(actor);
    await eventually(() => failures(events).length > 0, 'stalled', 6000);
    await eventually(() => !isAlive(first), 'the first process was killed', 6000);
    await eventually(() => actor.isReady && actor.pid !== first, 'the next generation serves', 6000);
  });
});

test('a process that ignores the wish to stop is killed after its time', async () => {
  await withRole(`onSaid(message => { if (message.type === 'start') say({ type: 'ready' }); }); process.on('SIGTERM', () => {});`, async ({ actor, supervised }) => {
    await actor.untilReady();
    const pid = await pidOf(actor);
    const startedMs = performance.now();
    const exit = await supervised.stop();
    assert.is(exit.reason, 'stopped');
    assert.ok(performance.now() - startedMs >= 390);
    assert.not.ok(isAlive(pid));
  });
});

test('a flood of output arrives whole, a line without an end in pieces, and the process is stopped all the same', async () => {
  await withRole(`onSaid(message => {
    if (message.type === 'start') { say({ type: 'ready' }); for (let n = 0; n < 20000; n += 1) process.stdout.write('line ' + n + '\\n'); process.stderr.write('x'.repeat(300000)); }
    if (message.type === 'stop') process.exit(0);
  });`, async ({ actor, lines }) => {
    await actor.untilReady();
    const isOf = (line: string): boolean => line.startsWith('line ');
    await eventually(() => lines.filter(isOf).length === 20_000, 'every line', 10_000);
    await eventually(() => lines.filter(line => !isOf(line)).reduce((sum, line) => sum + line.length, 0) >= 300_000 - 16_384, 'the long line', 10_000);
    assert.ok(lines.every(line => line.length < 100_000));
  });
});

test('a program that cannot be started is a failure that names it', async () => {
  await withRole('', async ({ events }) => {
    await eventually(() => failures(events).length > 0, 'a failure');
    assert.is(failures(events)[0]?.code, 'PROCESS_EXITED');
  }, { entry: '/nowhere/role.mjs' });
});

async function pidOf(actor: ProcessActor): Promise<number> {
  await eventually(() => actor.pid !== undefined, 'a process');
  return actor.pid!;
}

test.run();
