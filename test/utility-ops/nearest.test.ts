import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nearest, suggest } from '../../src/utility-ops/nearest.ts';

test('finds the name that was meant in spite of case, separators, swaps and typing errors', () => {
  const known = ['httpHost', 'httpPort', 'maxStreams'];
  assert.equal(['http_port', 'htpPort', 'httpProt', 'HTTP-HOST', 'maxstream'].map((name) => nearest(name, known)), ['httpPort', 'httpPort', 'httpPort', 'httpHost', 'maxStreams']);
});

test('guesses nothing when nothing is near', () => {
  assert.is(nearest('colour', ['httpHost', 'httpPort']), undefined);
  assert.is(nearest('', ['httpHost']), undefined);
  assert.is(suggest('colour', ['a', 'b']), '; known: a, b');
});

test.run();
