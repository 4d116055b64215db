import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readLabels } from '../../src/cli/labels.ts';

const folder = mkdtempSync(join(tmpdir(), 'vto-labels-'));
const path = join(folder, 'labels.txt');
test.after(() => rmSync(folder, { recursive: true }));

test('reads one name a line, whatever the line ends and blank lines at the end', () => {
  writeFileSync(path, '\uFEFFperson\r\n traffic light \r\ndog\n\n');
  assert.equal(readLabels(path), ['person', 'traffic light', 'dog']);
});

test('refuses a file that is absent, empty or has a hole, because every class behind it would be wrong', () => {
  assert.throws(() => readLabels(join(folder, 'absent')), /cannot be read/);
  writeFileSync(path, '\n');
  assert.throws(() => readLabels(path), /no name in line 1/);
  writeFileSync(path, 'a\n\nb\n');
  assert.throws(() => readLabels(path), /no name in line 2/);
});

test.run();
