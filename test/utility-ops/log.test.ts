import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { createLogger, type LogOptions } from '../../src/utility-ops/log.ts';

function capture(options: Partial<LogOptions> = {}): { lines: string[]; log: ReturnType<typeof createLogger> } {
  const lines: string[] = [];
  const scrub = (text: string): string => text.replaceAll('hunter2', '***');
  return { lines, log: createLogger({ level: 'info', format: 'json', isTerminal: false, scrub, write: (line) => lines.push(line), fields: { process: 'root' }, ...options }) };
}

test('a line is one JSON object with level name, sentence, fields and the process', () => {
  const { lines, log } = capture();
  log.child({ camera: 'a' }).warn({ lagMs: 5 }, 'frames dropped');
  const { time, ...line } = JSON.parse(lines[0]!) as Record<string, unknown>;
  assert.equal(line, { level: 'warn', process: 'root', camera: 'a', lagMs: 5, message: 'frames dropped' });
  assert.type(time, 'number');
  assert.ok(lines[0]!.endsWith('\n'));
});

test('less severe lines than the level are not written', () => {
  const { lines, log } = capture({ level: 'warn' });
  log.info({}, 'hidden');
  log.error({}, 'shown');
  assert.is(lines.length, 1);
  const silent = capture({ level: 'silent' });
  silent.log.error({}, 'hidden');
  assert.is(silent.lines.length, 0);
});

test('no credential survives, wherever it stands', () => {
  for (const format of ['json', 'pretty'] as const) {
    const { lines, log } = capture({ format, fields: { uri: 'rtsp://u:hunter2@h' } });
    const error = new PlatformError('SOURCE_REFUSED', 'refused by rtsp://u:hunter2@h', { uri: 'rtsp://u:hunter2@h' }, new Error('inner hunter2'));
    log.child({ label: 'hunter2' }).error({ error, nested: { list: ['hunter2', { deep: 'hunter2' }] }, password: 'other', apiKey: 'other' }, 'failed hunter2');
    assert.not.match(lines.join(''), 'hunter2');
    assert.not.match(lines.join(''), 'other');
  }
});

test('an error of ours shows code and help, a foreign one its stack', () => {
  const { lines, log } = capture();
  log.error({ error: new PlatformError('STORE_FAILED', 'disk full', { path: '/x' }) }, 'failed');
  log.error({ error: new TypeError('odd') }, 'failed');
  const [ours, foreign] = lines.map((line) => (JSON.parse(line) as { error: Record<string, unknown> }).error);
  assert.is(ours!['code'], 'STORE_FAILED');
  assert.match(String(ours!['help']), 'disk space');
  assert.match(String(foreign!['stack']), 'TypeError: odd');
});

test('payloads, cycles and big integers become short text', () => {
  const { lines, log } = capture();
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  log.info({ payload: new Uint8Array(100_000), cycle, big: 10n, list: Array.from({ length: 1000 }, () => 1) }, 'odd values');
  assert.ok(lines[0]!.length < 600, String(lines[0]!.length));
  assert.match(lines[0]!, '100000 bytes');
});

test('the pretty form is one readable line, coloured on a terminal only', () => {
  const plain = capture({ format: 'pretty' });
  plain.log.info({ camera: 'dock-2', note: 'two words', error: new PlatformError('STALLED', 'no progress') }, 'camera connected');
  assert.match(plain.lines[0]!, /^\d\d:\d\d:\d\d\.\d{3} info {2}camera connected process=root camera=dock-2 note="two words" error="STALLED: no progress"\n$/);
  const terminal = capture({ format: 'auto', isTerminal: true });
  terminal.log.error({}, 'broken');
  assert.match(terminal.lines[0]!, '\u001b[31mERROR\u001b[0m broken');
});

test.run();
