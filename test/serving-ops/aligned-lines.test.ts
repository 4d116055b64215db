import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { detected } from '../support/fake-backend.ts';
import { eventually } from '../support/eventually.ts';
import { settle } from '../support/fake-clock.ts';
import { readLines } from '../support/line-reader.ts';
import { withGateway } from '../support/with-gateway.ts';

type Group = { kind: string; at: string; isComplete: boolean; missing: string[]; after: number; frames: { camera: string; frameSeq: number; id: number }[] };

test('joins the frames of several cameras that were taken together', () => withGateway({}, async ({ backend, port, gateway }) => {
  backend.addView('left');
  backend.addView('right');
  for (let seq = 0; seq < 300; seq++) backend.append(detected('left', seq, seq * 40_000));
  for (let seq = 0; seq < 300; seq++) backend.append(detected('right', seq, seq * 40_000 + 7_000));
  const read = backend.records.bind(backend);
  backend.records = async function* slowly(query) {
    for await (const committed of read(query)) { if (query.camera === 'right') await settle(20); yield committed; }
  };
  const reader = await readLines(port, '/api/v1/infer?stream=left&stream=right&align=15&after=0&frames=299');
  assert.is(await reader.done, 'end');
  const groups = reader.lines as unknown as Group[];
  assert.is(groups.length, 299);
  for (const [index, group] of groups.entries()) {
    assert.ok(group.isComplete && group.kind === 'group');
    assert.equal(group.frames.map((frame) => [frame.camera, frame.frameSeq]), [['left', index], ['right', index]]);
  }
  assert.is(gateway.counts().lateFrames, 0, 'history is read in step although one camera is read much faster');
  await eventually(() => backend.readers === 0 && gateway.counts().openStreams === 0, 'everything is freed');
}));

test('a camera that is silent leaves groups incomplete, and nothing waits for ever', () => withGateway({}, async ({ backend, port }) => {
  backend.addView('left');
  backend.addView('right');
  for (let seq = 0; seq < 3; seq++) backend.append(detected('left', seq, seq * 40_000));
  const reader = await readLines(port, '/api/v1/infer?stream=left&stream=right&align=15&after=0&frames=3');
  assert.is(await reader.done, 'end');
  for (const group of reader.lines as unknown as Group[]) assert.equal([group.isComplete, group.missing], [false, ['right']]);
}));

test('going on after a group loses no frame', () => withGateway({}, async ({ backend, port }) => {
  backend.addView('left');
  backend.addView('right');
  for (let seq = 0; seq < 40; seq++) { backend.append(detected('left', seq, seq * 40_000)); if (seq >= 5) backend.append(detected('right', seq - 5, (seq - 5) * 40_000)); }
  backend.end();
  const first = await readLines(port, '/api/v1/infer?stream=left&stream=right&align=15&after=0&frames=10');
  await first.done;
  const after = (first.lines as unknown as Group[]).at(-1)?.after ?? 0;
  const second = await readLines(port, `/api/v1/infer?stream=left&stream=right&align=15&after=${String(after)}`);
  await second.done;
  const seen = new Set([...first.lines, ...second.lines].flatMap((line) => (line as unknown as Group).frames.map((frame) => frame.id)));
  assert.is(seen.size, backend.store.length);
  assert.ok(after > 0, 'it does not start over');
}));

test('refuses alignments that make no sense', () => withGateway({}, async ({ backend, call }) => {
  backend.addView('left');
  backend.addView('right');
  const cases: [string, string][] = [['stream=left&stream=right', 'align'], ['stream=left&align=10', 'align'], ['stream=left&stream=left&align=10', 'stream'], ['stream=left&stream=right&align=10&include=dropped', 'include'],
    ['stream=left&stream=right&align=0', 'align'], [`${'stream=left&'.repeat(17)}align=10`, 'stream'], ['', 'stream']];
  for (const [query, field] of cases) {
    const answer = await call('GET', `/api/v1/infer?${query}`);
    assert.is(answer.status, 400, query);
    assert.is(answer.json['field'], field, `${query}: ${answer.text}`);
  }
}));

test.run();
