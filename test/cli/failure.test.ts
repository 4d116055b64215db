import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { reportFailure } from '../../src/cli/failure.ts';
import { PlatformError } from '../../src/engine/errors.ts';

/** What is written to standard error, and the exit code. */
function reported(error: unknown): { readonly text: string; readonly code: number } {
  const write = process.stderr.write;
  let text = '';
  process.stderr.write = (chunk: string | Uint8Array): boolean => { text += String(chunk); return true; };
  try {
    return { code: reportFailure(error), get text() { return text; } };
  } finally {
    process.stderr.write = write;
  }
}

test('a named error is told with what to do; wrong usage exits with 2, everything else with 1', () => {
  const usage = reported(new PlatformError('CONFIG_INVALID', "unknown key 'ingres'"));
  assert.is(usage.code, 2);
  assert.match(usage.text, /^vto: CONFIG_INVALID: unknown key 'ingres'\n {5}Correct the named key/);
  assert.is(reported(new PlatformError('STORE_LOCKED', 'in use')).code, 1);
});

test('passwords in addresses are never told, whatever failed', () => {
  for (const error of [new PlatformError('SOURCE_REFUSED', 'rtsp://user:hunter2@cam/1 refused'), new Error('rtsp://user:hunter2@cam/1 broke'), 'rtsp://user:hunter2@cam/1']) {
    const { text } = reported(error);
    assert.not.match(text, /hunter2/);
    assert.match(text, /cam\/1/);
  }
});

test('an unexpected failure says so and shows where it happened', () => {
  const { text, code } = reported(new TypeError('x is not a function'));
  assert.is(code, 1);
  assert.match(text, /^vto: unexpected failure: TypeError: x is not a function\n +at /);
});

test.run();
