import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ChildOutput } from '../../src/cli/child-output.ts';
import type { LogFields, Logger } from '../../src/utility-ops/log.ts';
import { fakeClock } from '../support/fake-clock.ts';

function recordingLog(lines: [string, LogFields, string][]): Logger {
  const write = (level: string) => (fields: LogFields, sentence: string): void => { lines.push([level, fields, sentence]); };
  const log: Logger = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error'), child: () => log };
  return log;
}

test('a log line of a child keeps its level and fields', () => {
  const lines: [string, LogFields, string][] = [];
  new ChildOutput(recordingLog(lines), fakeClock()).line('ingest-0', '{"level":"error","time":1,"process":"x","message":"camera failed for good","camera":"dock"}');
  assert.equal(lines, [['error', { camera: 'dock', process: 'ingest-0' }, 'camera failed for good']]);
});

test('anything else is a warning, JSON of other forms included', () => {
  for (const line of ['[hevc @ 0x1] error', '', '{', '{}', '17', '{"level":"child","message":"x"}', '{"level":"warn"}']) {
    const lines: [string, LogFields, string][] = [];
    new ChildOutput(recordingLog(lines), fakeClock()).line('vision-0', line);
    assert.equal(lines, [['warn', { process: 'vision-0', line }, 'output of a native library']]);
  }
});

test('a flood of native lines is thinned out, counted, and never delays a log line', async () => {
  const lines: [string, LogFields, string][] = [];
  const clock = fakeClock();
  const output = new ChildOutput(recordingLog(lines), clock);
  for (let count = 0; count < 1000; count++) output.line('vision-0', `bad slice ${count}`);
  output.line('vision-0', '{"level":"info","message":"ready"}');
  assert.equal(lines.map(([, fields, sentence]) => fields['line'] ?? sentence), ['bad slice 0', 'ready']);
  await clock.advance(100);
  assert.equal(lines.at(-1), ['warn', { process: 'vision-0', line: 'bad slice 980', linesLeftOut: 979 }, 'output of a native library']);
  for (let step = 0; step < 30; step++) await clock.advance(100);
  assert.is(lines.length, 22);
  assert.equal(lines.at(-1)?.[1], { process: 'vision-0', line: 'bad slice 999' });
});

test.run();
