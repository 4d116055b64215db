import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeClip } from '../support/clip.ts';
import { eventually } from '../support/eventually.ts';
import { startRtspServer } from '../support/rtsp-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { runVto, startVto } from '../support/vto-process.ts';

/** No part of these may be read anywhere; `Xy77` marks parts that are left when a login is cut in the wrong place. */
const PASSWORD = 'Xy77/Xy77@Xy77?Xy77#Xy77';
const SECRET = /Xy77|Us55/;

function commandLines(pids: readonly number[]): string[] {
  return pids.flatMap((pid) => {
    try {
      return [readFileSync(`/proc/${pid}/cmdline`, 'utf8')];
    } catch {
      return []; // it ended meanwhile
    }
  });
}

test('the login of a camera is shown to nobody: not in output, process list, API, metrics or files', async () => {
  const server = await startRtspServer();
  const path = server.addPath('gate', { content: await makeClip(), credentials: { user: 'Us55', password: PASSWORD } });
  const folder = temporaryFolder();
  const vto = await startVto(folder, [
    '--camera', `good=rtsp://Us55:${encodeURIComponent(PASSWORD)}@127.0.0.1:${server.port}/${path.name}`,
    '--camera', `pasted=rtsp://Us55:${PASSWORD}@127.0.0.1:${server.port}/${path.name}`,
    '--camera', `refused=rtsp://Us55:Xy77wrong@127.0.0.1:${server.port}/${path.name}`,
    '--camera', `nobody=rtsp://Us55:${PASSWORD}@127.0.0.1:9/x`,
    '--camera', 'unheard=foo://Us55:Xy77@127.0.0.1:9/x',
    '--camera', 'token=rtsp://127.0.0.1:9/x?user=a&password=Xy77&token=Xy77',
    '--log', 'debug',
  ]);
  try {
    const added = await fetch(`${vto.url}/api/v1/cameras`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ id: 'added', uri: 'rtsp://Us55:Xy77@127.0.0.1:9/x' }) });
    assert.is(added.status, 201);
    const states = new Map<string, string>();
    const refresh = async (): Promise<void> => { for (const { id, state } of (await vto.json<{ cameras: { id: string; state: string }[] }>('/api/v1/cameras')).cameras) states.set(id, state); };
    const polling = setInterval(() => { void refresh().catch(() => undefined); }, 200);
    const expected = { good: 'live', pasted: 'live', refused: 'retrying', nobody: 'retrying', unheard: 'failed', token: 'retrying', added: 'retrying' };
    await eventually(() => Object.entries(expected).every(([id, state]) => states.get(id) === state), 'all cameras are as expected', 20_000)
      .catch((error: Error) => assert.unreachable(`${error.message}: ${JSON.stringify([...states])}\n${vto.output()}`))
      .finally(() => clearInterval(polling));
    for (const line of commandLines(vto.pids())) assert.not.match(line, SECRET, 'process list');
    const pages = ['/', '/api/v1/cameras', '/api/v1/cameras/refused', '/api/v1/events', '/api/v1/records', '/api/v1/chunks', '/api/v1/ledger', '/readyz', '/readyz?format=text', '/metrics',
      '/api/v1/infer?stream=rtsp://Us55:Xy77@127.0.0.1:9/other&frames=1', '/api/v1/infer?stream=foo://Us55:Xy77@127.0.0.1:9/other'];
    for (const page of pages) {
      const text = page.startsWith('/api/v1/infer?stream=rtsp') ? await firstBytes(vto.url + page) : await vto.text(page);
      assert.not.match(text, SECRET, page);
    }
    assert.match(await vto.text('/api/v1/events'), 'SOURCE_REFUSED');
  } finally {
    await vto.stop();
    await server.close();
  }
  assert.not.match(vto.output(), SECRET, 'output');
  assert.match(vto.output(), 'refused');
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const stat = statSync(join(folder, file));
    if (file.startsWith('store.sqlite')) assert.is(stat.mode & 0o077, 0, `${file} is for its owner alone`);
    else if (stat.isFile()) assert.not.match(readFileSync(join(folder, file), 'latin1'), SECRET, file);
  }
});

test('a command that fails on an address tells it without login', async () => {
  for (const args of [['infer', `rtsp://Us55:${PASSWORD}@127.0.0.1:9/x`], ['infer', 'foo://Us55:Xy77@h/x'], ['start', '--camera', 'A B=rtsp://Us55:Xy77@h/x'], ['start', '--camra', 'rtsp://Us55:Xy77@h/x']]) {
    const { code, stdout, stderr } = await runVto(args);
    assert.ok(code === 1 || code === 2, `${code}`);
    assert.match(stderr, /vto: [A-Z_]+:/);
    assert.not.match(stdout + stderr, SECRET, args.join(' '));
  }
});

/** What an endless answer says in its first half second. */
async function firstBytes(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(1500) });
  const parts: string[] = [];
  try {
    for await (const bytes of response.body!) parts.push(Buffer.from(bytes).toString());
  } catch (error) {
    assert.is((error as Error).name, 'TimeoutError');
  }
  return parts.join('');
}

test.run();
