import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { createAllowList, matchesGlob, streamNotAllowed, suggestPattern } from '../../src/serving-ops/allow-stream.ts';
import { parseStreamUri, type StreamScheme, type StreamTarget } from '../../src/serving-ops/stream-uri.ts';

const SCHEMES: readonly StreamScheme[] = [
  { name: 'rtsp', defaultPort: 554, readsFiles: false }, { name: 'rtsps', defaultPort: 322, readsFiles: false },
  { name: 'synthetic', readsFiles: false }, { name: 'file', readsFiles: true },
];

function allows(patterns: string | string[], uri: string): boolean {
  const list = createAllowList(typeof patterns === 'string' ? [patterns] : patterns, SCHEMES);
  try {
    return list.allows(parseStreamUri(uri, SCHEMES));
  } catch (error) {
    if (error instanceof PlatformError && (error.code === 'REQUEST_INVALID' || error.code === 'PLUGIN_UNKNOWN')) return false;
    throw error;
  }
}

test('a pattern allows what it says, whatever the case, default port or credentials', () => {
  for (const uri of ['rtsp://my.cam/live', 'RTSP://MY.CAM:554/live/main?x=1', 'rtsp://root:hunter2@my.cam/live', 'rtsp://u%40x:p%3A@my.cam/', 'rtsp://my.cam', 'rtsp://my.cam/a%20b']) {
    assert.ok(allows('rtsp://my.cam/*', uri), uri);
  }
  assert.ok(allows('rtsp://my.cam:554/*', 'rtsp://my.cam/x'));
  assert.ok(allows('rtsp://my.cam:*/*', 'rtsp://my.cam:9000/x'));
  assert.ok(allows('rtsp://*.cams.local/live', 'rtsp://dock.cams.local/live'));
  assert.ok(allows('rtsp://10.0.*.*/*', 'rtsp://10.0.3.4/x'));
  assert.ok(allows('rtsp://*/live', 'rtsp://[2001:db8::1]/live'));
  assert.ok(allows('rtsp://[2001:DB8:0::1]/*', 'rtsp://[2001:db8::1]/live'));
  assert.ok(allows('rtsp://my.cam/%6Cive', 'rtsp://my.cam/live'));
  assert.ok(allows('synthetic://*', 'synthetic://bars?fps=5'));
});

test('a pattern allows nothing else', () => {
  const tricky = [
    'rtsp://evil/live', 'rtsp://my.cam@evil/live', 'rtsp://my.cam:554@evil/live', 'rtsp://evil#@my.cam/live', 'rtsp://evil?@my.cam/live', 'rtsp://evil\\@my.cam/live',
    'rtsp://my.cam\\@evil/live', 'rtsp://my.cam%2F@evil/', 'rtsp://my.cam%00.evil/x', 'rtsp://my%2ecam/x', 'rtsp://my.cam./x', 'rtsp://my.cam.evil/x', 'rtsp://evilmy.cam/x',
    'rtsp://my.cam:8554/x', 'rtsp://my.cam:0554000/x', 'rtsp://my.cam:/x', 'rtsp://my.cam: 554/x', 'rtsps://my.cam/x', 'http://my.cam/x', 'rtsp:/my.cam/x', 'rtsp:my.cam/x', 'rtsp:///my.cam/x',
    'rtsp://a@b@my.cam/x', 'rtsp://my.cam\t/x', 'rtsp://my.cam/x\r\nHost: evil', ' rtsp://my.cam/x', 'rtsp://ｍy.cam/x', 'rtsp://my。cam/x', 'rtsp://[my.cam]/x', 'rtsp://my.cam,evil/x', 'rtsp://my.cam;evil/x',
    'rtsp://my.cam/../x', 'rtsp://my.cam/a/%2e%2e/x', 'rtsp://my.cam/a/%252e%252e/x', 'rtsp://my.cam/a%2f..%2fb', 'rtsp://my.cam/a%5c..', 'rtsp://my.cam/%00', 'rtsp://my.cam/%ff', 'rtsp://my.cam/%zz', '//my.cam/x', 'my.cam/x',
    'file://my.cam/x', 'file:///etc/passwd', '/etc/passwd', 'rtsp://', 'rtsp://@/', 'rtsp', '', ':', `rtsp://my.cam/${'x'.repeat(3000)}`,
  ];
  for (const uri of tricky) assert.not.ok(allows('rtsp://my.cam/*', uri), uri);
});

test('numbers that only some resolvers read as addresses are refused', () => {
  for (const host of ['0x7f.1', '127.1', '2130706433', '0177.0.0.1', '0x7f000001', '1.2.3.4.5', '127.0.0.0x1', '256.1.1.1', '[::1%25eth0]', '[::g]']) {
    assert.not.ok(allows('rtsp://*/*', `rtsp://${host}/x`), host);
  }
  assert.not.ok(allows('rtsp://127.0.0.1/*', 'rtsp://[::ffff:127.0.0.1]/x'));
});

test('a star in the host stands for one label and never crosses into another name', () => {
  assert.not.ok(allows('rtsp://*.cams.local/*', 'rtsp://a.b.cams.local/x'));
  assert.not.ok(allows('rtsp://*.cams.local/*', 'rtsp://cams.local/x'));
  assert.not.ok(allows('rtsp://*.cams.local/*', 'rtsp://x.cams.local.evil/x'));
  assert.not.ok(allows('rtsp://10.0.0.*/*', 'rtsp://10.0.0.evil/x'));
  assert.not.ok(allows('rtsp://10.0.0.*/*', 'rtsp://10.0.1.5/x'));
});

test('a file is allowed only when listed exactly', () => {
  assert.ok(allows('/footage/dock.mp4', '/footage/dock.mp4'));
  assert.ok(allows('/footage/dock 1.mp4', 'file:///footage/dock%201.mp4'));
  assert.ok(allows('file:///footage/dock.mp4', 'file://localhost/footage/dock.mp4'));
  for (const uri of ['/footage/../footage/dock.mp4', '/footage//dock.mp4', '/footage/dock.mp4/', 'file:///footage/%2e%2e/footage/dock.mp4', 'file:///footage/dock.mp4?x', 'file:///footage/dock.mp4#x', 'file://evil/footage/dock.mp4',
    'file:footage/dock.mp4', 'file:/footage/dock.mp4', 'file://footage/dock.mp4', 'synthetic:/footage/dock.mp4', 'footage/dock.mp4', './footage/dock.mp4', '/footage/dock.mp4\0', '/footage/DOCK.mp4', '\\footage\\dock.mp4', 'file:///footage%2fdock.mp4', 'C:\\footage\\dock.mp4']) {
    assert.not.ok(allows('/footage/dock.mp4', uri), uri);
  }
  assert.not.ok(allows('/footage/*', '/footage/dock.mp4'), 'a star in a file path is a character');
  assert.not.ok(allows(['rtsp://*:*/*', 'rtsps://*:*/*', 'synthetic://*'], 'file:///etc/passwd'));
});

test('patterns that could mean more than they say stop the start', () => {
  for (const pattern of ['rtsp://user:pw@my.cam/*', 'rtsp://cam*.local/*', 'rtsp://cams.*/x', 'rtsp://*.*/x', 'http://my.cam/*', '*://my.cam/*', 'rtsp://my.cam:99999999/*', 'rtsp://my.cam\\x/*', 'rtsp://my.cam/../*', 'rtsp://127.1/*', 'rtsp:', 'rtsp://', 'rtsp://my cam/', 'my.cam/*', 'my.cam', '']) {
    let code: string | undefined;
    try { createAllowList([pattern], SCHEMES); } catch (error) {
      assert.instance(error, PlatformError, pattern);
      code = (error as PlatformError).code;
      assert.not.match((error as PlatformError).message, 'user:pw');
    }
    assert.is(code, 'CONFIG_INVALID', pattern);
  }
});

test('the suggested pattern allows the very stream it was made for', () => {
  for (const uri of ['rtsp://my.cam/live', 'rtsp://u:p@my.cam:8554/live?x=1', 'rtsps://[2001:db8::1]/x', 'rtsp://10.0.0.1:554/', '/footage/dock.mp4', "/footage/it's.mp4", 'synthetic://bars']) {
    const target = parseStreamUri(uri, SCHEMES);
    assert.ok(allows(suggestPattern(target), uri), uri);
    assert.not.match(suggestPattern(target), 'u:p');
  }
  assert.match(streamNotAllowed(parseStreamUri('rtsp://my.cam/x', SCHEMES)).message, "--allow-stream 'rtsp://my.cam/*'");
  assert.match(streamNotAllowed(parseStreamUri("/a'b", SCHEMES)).message, String.raw`--allow-stream '/a'\''b'`);
});

test('a glob with many stars is matched in bounded time', () => {
  assert.not.ok(matchesGlob(`/${'*a'.repeat(500)}b`, `/${'a'.repeat(2000)}`));
  assert.ok(matchesGlob('/a*b*c', '/aXXbYYbZc'));
  assert.ok(matchesGlob('*', ''));
  assert.not.ok(matchesGlob('/a', '/ab'));
});

/** Where libav (av_url_split) would connect: authority up to the first of `/?#`, user part up to its last `@`. */
function libavHost(uri: string): string {
  const rest = uri.slice(uri.indexOf('://') + 3);
  const authority = rest.slice(0, rest.search(/[/?#]|$/));
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  return (host.startsWith('[') ? host.slice(0, host.indexOf(']') + 1) : host.split(':')[0] ?? '').toLowerCase();
}

test('whatever a random URL looks like, an allowed one leads to the allowed host for every parser', () => {
  const seed = Math.floor(performance.now() * 1000) % 2 ** 31;
  const random = seededRandom(seed);
  const pieces = ['rtsp', 'RTSP', '://', ':', '/', '//', '\\', '@', '#', '?', 'my.cam', 'MY.cam', 'evil', '.', '..', '%2e', '%40', '%2f', '%00', ':554', ':8554', '[', ']', '::1', ' ', '\t', '\n', 'a:b', '*', ';', ',', '%', 'ｍ', 'live', '127.1', 'file', 'x'];
  const list = createAllowList(['rtsp://my.cam/*'], SCHEMES);
  let allowed = 0;
  for (let round = 0; round < 60_000; round++) {
    const length = 1 + Math.floor(random.next() * 8);
    const tail = Array.from({ length }, () => pieces[Math.floor(random.next() * pieces.length)]).join('');
    const uri = random.next() < 0.8 ? `rtsp://${tail}` : tail;
    let target: StreamTarget;
    try { target = parseStreamUri(uri, SCHEMES); } catch (error) { assert.instance(error, PlatformError, `seed ${String(seed)}: ${uri}`); continue; }
    if (!list.allows(target)) continue;
    allowed++;
    const label = `seed ${String(seed)}: ${JSON.stringify(uri)}`;
    assert.is(libavHost(uri), 'my.cam', label);
    assert.is(new URL(uri.replace(/^rtsp/i, 'http')).hostname, 'my.cam', label);
    assert.is(new URL(uri).hostname.toLowerCase(), 'my.cam', label);
  }
  assert.ok(allowed > 100, `seed ${String(seed)}: only ${String(allowed)} random URLs were allowed`);
});

test.run();
