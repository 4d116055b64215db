import { createServer, type AddressInfo } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseArguments } from '../../src/cli/arguments.ts';
import { doctorCommand } from '../../src/cli/doctor-command.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { runVto } from '../support/vto-process.ts';

/** Runs the command with settings and returns what it printed. */
async function doctor(settings: { readonly data: string; readonly port: number; readonly model?: string }): Promise<{ readonly code: number; readonly lines: readonly string[] }> {
  process.env['VTO__DATA'] = settings.data;
  process.env['VTO__SERVING__HTTP_PORT'] = String(settings.port);
  const invocation = parseArguments(['doctor', ...settings.model === undefined ? [] : ['--model', settings.model]], process.cwd());
  if (invocation.command !== 'doctor') throw new Error('not the doctor');
  const write = process.stdout.write;
  let text = '';
  process.stdout.write = (chunk: string | Uint8Array): boolean => { text += String(chunk); return true; };
  try {
    const code = await doctorCommand(invocation, process.cwd());
    return { code, lines: text.trimEnd().split('\n') };
  } finally {
    process.stdout.write = write;
  }
}

const lineOf = (lines: readonly string[], topic: string): string | undefined => lines.find(line => line.slice(6).startsWith(topic));

test('a machine that is fine is ready, with a finding for each part', async () => {
  const { code, lines } = await doctor({ data: temporaryFolder(), port: 0 });
  assert.is(code, 0, lines.join('\n'));
  for (const topic of ['machine', 'decoders', 'encoders', 'libav', 'hardware', 'onnx cpu', 'model', 'port', 'data']) assert.ok(lineOf(lines, topic), topic);
  assert.match(lineOf(lines, 'onnx cpu') ?? '', /^ok .*starts/);
  assert.match(lines.at(-1) ?? '', /^ready/);
});

test('a port that is taken, a folder that is a file and a model that is none are each named, and the code is 1', async () => {
  const server = createServer();
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address() as AddressInfo;
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, 'no folder, no model');
  const { code, lines } = await doctor({ data: join(file, 'below'), port, model: file });
  server.close();
  assert.is(code, 1);
  assert.match(lineOf(lines, 'port') ?? '', /^FAIL.*EADDRINUSE.*choose another/);
  assert.match(lineOf(lines, 'data') ?? '', /^FAIL.*cannot be used/);
  assert.match(lineOf(lines, 'model') ?? '', /^FAIL.*MODEL_INVALID/);
  assert.match(lines.at(-1) ?? '', /^3 of \d+ checks failed$/);
});

test('a machine without ffmpeg is told what that is for, and is ready all the same', async () => {
  const { code, stdout } = await runVto(['doctor'], { PATH: '/nonexistent', VTO__SERVING__HTTP_PORT: '0', VTO__DATA: temporaryFolder() });
  assert.match(stdout, /^note {2}ffmpeg +not here: live pictures for JSMpeg players need it/m);
  assert.is(code, 0, stdout);
});

test.run();
