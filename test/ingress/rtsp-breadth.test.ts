import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { createSource } from '../../src/ingress/index.ts';
import { libavAccess } from '../../src/ingress/libav-access.ts';
import type { SourceUnit } from '../../src/messages/access-unit.ts';
import { makeClip } from '../support/clip.ts';
import { readCounter } from '../support/frame-counter.ts';
import type { NalCodec } from '../support/nal-units.ts';
import { startRtspServer, type CameraPath, type PathOptions, type RtspServer } from '../support/rtsp-server.ts';
import { SELF_SIGNED } from '../support/self-signed.ts';

const signal = new AbortController().signal;
const clips = { h264: await makeClip({ gop: 10, fps: 50 }), hevc: await makeClip({ codec: 'hevc', gop: 10, fps: 50 }) };
const servers: RtspServer[] = [];
const serve = async (options: Parameters<typeof startRtspServer>[1] = {}): Promise<RtspServer> => {
  const server = await startRtspServer(0, options);
  servers.push(server);
  return server;
};
const server = await serve();
let cameras = 0;

test.after(async () => { await Promise.all(servers.map((each) => each.close())); });

const codeOf = (error: unknown): string => (error instanceof PlatformError ? error.code : String(error));

async function readFrom(uri: string, most = 25): Promise<{ units: SourceUnit[]; label: string }> {
  const source = await createSource({ uri, options: { openTimeoutMs: 3000 }, media: libavAccess, ctx: { clock: systemClock, random: systemRandom } });
  const session = await source.open(signal);
  const units: SourceUnit[] = [];
  try {
    while (units.length < most) {
      const unit = await session.next(signal);
      if (unit === undefined) break;
      units.push(unit);
    }
  } finally {
    await session.close();
  }
  return { units, label: source.label };
}

/** Adds a camera, reads it, and compares with what it sent. */
async function assertWhole(at: RtspServer, options: Partial<PathOptions> & { codec?: NalCodec } = {}, fragment = ''): Promise<{ units: SourceUnit[]; label: string; path: CameraPath }> {
  const { codec = 'h264', ...rest } = options;
  const name = `cam${cameras++}`;
  const path = at.addPath(name, { content: clips[codec], ...rest });
  const { units, label } = await readFrom(at.url(name) + fragment);
  assert.equal(units.map(({ data }) => readCounter(data, 'annexb', codec)), path.sent.slice(0, 25).map(({ counter }) => counter));
  assert.is(units.map(({ parameters }) => parameters?.width ?? 0).find((width) => width > 0), 320, 'the picture size is known with the first unit');
  assert.ok(units[0]!.isKey);
  return { units, label, path };
}

test('a camera that sends over UDP only is read with #transport=udp, which neither camera nor label see', async () => {
  for (const codec of ['h264', 'hevc'] as const) {
    const { label } = await assertWhole(server, { codec, transport: 'udp' }, '#transport=udp');
    assert.match(label, /\/cam\d+$/);
  }
  const name = `cam${cameras++}`;
  server.addPath(name, { content: clips.h264, transport: 'udp' });
  const refused = await readFrom(server.url(name)).then(() => undefined, (error: Error) => error);
  assert.is(codeOf(refused), 'SOURCE_REFUSED', 'TCP unless told otherwise');
  assert.match(refused!.message, /does not send over tcp; another way may be named: #transport=udp/);
});

test('over UDP a camera that closes its control connection or falls silent is noticed', async () => {
  for (const kind of ['close', 'stall'] as const) {
    const name = `cam${cameras++}`;
    const path = server.addPath(name, { content: clips.h264, transport: 'udp' });
    const source = await createSource({ uri: `${server.url(name)}#transport=udp`, options: { stallMs: 700 }, media: libavAccess, ctx: { clock: systemClock, random: systemRandom } });
    const session = await source.open(signal);
    for (let index = 0; index < 10; index++) await session.next(signal);
    path.fault({ kind });
    const sinceMs = performance.now();
    let error: unknown;
    while (error === undefined) await session.next(signal).catch((thrown: unknown) => { error = thrown; });
    assert.ok(['SOURCE_STALLED', 'SOURCE_UNREACHABLE'].includes(codeOf(error)), codeOf(error));
    assert.ok(performance.now() - sinceMs < 1500, `${kind}: ${performance.now() - sinceMs} ms`);
    await session.close();
  }
});

test('a transport that is none, or that TLS does not have, is refused by name', async () => {
  const create = (uri: string): Promise<string> => createSource({ uri, media: libavAccess, ctx: { clock: systemClock, random: systemRandom } }).then(() => 'made', (error: Error) => `${codeOf(error)}: ${error.message}`);
  assert.match(await create('rtsp://cam/1#transport=quic'), /CONFIG_INVALID: unknown transport 'quic' \(known: tcp, udp\)/);
  assert.match(await create('rtsps://u:secret@cam/1#transport=udp'), /^CONFIG_INVALID: rtsps:\/\/cam\/1: .*'udp'/);
  assert.is(await create('rtsp://cam/1#transport=tcp'), 'made');
});

test('a fragment leaves a password with # and @ as it is', async () => {
  const password = 'p#transport=x@ss';
  const name = `cam${cameras++}`;
  server.addPath(name, { content: clips.h264, transport: 'udp', credentials: { user: 'admin', password } });
  const { units, label } = await readFrom(`rtsp://admin:${password}@127.0.0.1:${server.port}/${name}#transport=udp`, 3);
  assert.is(units.length, 3);
  assert.is(label, `rtsp://127.0.0.1:${server.port}/${name}`);
});

test('RTSP within TLS works with a certificate that the camera signed itself, with a login', async () => {
  const secure = await serve({ tls: SELF_SIGNED });
  await assertWhole(secure, { credentials: { user: 'admin', password: 'pa@ss' } });
});

test('an IPv6 address works, with a login, over TCP and UDP', async () => {
  const six = await serve({ host: '::1' });
  await assertWhole(six, { credentials: { user: 'admin', password: 'pa:ss/[1]' } });
  await assertWhole(six, { transport: 'udp' }, '#transport=udp');
});

test('every kind of login that cameras ask for works', async () => {
  for (const scheme of ['digest', 'basic', 'qop', 'offers'] as const) await assertWhole(server, { credentials: { user: 'admin', password: 'secret', scheme } });
});

test('passwords may hold any character, escaped or as it is', async () => {
  const passwords = ['p@ss', 'a b', '100%', '%41', 'pa"ss', "pa'ss", 'pä€', 'a\\b', '[]', 'a&b=c', 'a+b', '<>', 'a;b,c', '$HOME`x`', ':', '@@', '/', '?', '#'];
  await Promise.all(passwords.flatMap((password) => (['digest', 'basic'] as const).map(async (scheme) => {
    const name = `cam${cameras++}`;
    server.addPath(name, { content: clips.h264, credentials: { user: 'ad min', password, scheme } });
    assert.is((await readFrom(server.url(name), 1)).units.length, 1, `${password} escaped, ${scheme}`);
    if (/%[0-9a-f]{2}/i.test(password)) return; // it would be taken for an escape
    assert.is((await readFrom(`rtsp://ad min:${password}@127.0.0.1:${server.port}/${name}`, 1)).units.length, 1, `${password} as it is, ${scheme}`);
  })));
});

const replaced = (from: RegExp, to: string) => (text: string): string => {
  const changed = text.replace(from, to);
  assert.is.not(changed, text);
  return changed;
};
const AUDIO = ['m=audio 0 RTP/AVP 0', 'a=rtpmap:0 PCMU/8000', 'a=control:track9', ''].join('\r\n');

/** Descriptions that are odd, and legal or at least common. */
const DESCRIPTIONS: Readonly<Record<string, Partial<PathOptions> & { codec?: NalCodec }>> = {
  'no parameter sets': { describe: replaced(/;sprop-parameter-sets=[^\r]*/, '') },
  'no parameter sets, H.265': { codec: 'hevc', describe: replaced(/a=fmtp:[^\r]*\r\n/, '') },
  'no format line at all': { describe: replaced(/a=fmtp:[^\r]*\r\n/, '') },
  'codec in lower case': { describe: replaced(/H264/, 'h264') },
  'codec of H.265 in lower case': { codec: 'hevc', describe: replaced(/H265/, 'h265') },
  'audio first': { describe: (text) => text.replace('m=video', `${AUDIO}m=video`) },
  'audio after it': { describe: (text) => text + AUDIO },
  'metadata first': { describe: (text) => text.replace('m=video', 'm=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\na=control:track8\r\nm=video') },
  'two videos': { describe: (text) => text + text.slice(text.indexOf('m=video')).replace('track1', 'track2') },
  'a control address with a query': { describe: replaced(/track1/, 'track1?ctype=video&unicast=true') },
  'an absolute control path': { describe: replaced(/a=control:track1/, 'a=control:/cam/track1') },
  'no base': { namesBase: false },
  'bare line feeds': { describe: replaced(/\r\n/g, '\n') },
  'no session name, origin or time': { describe: (text) => text.replace(/^(?:o|s|t)=.*\r\n/gm, '') },
  'spaces in the format line': { describe: replaced(/;sprop/, '; sprop') },
  'a frame rate of 0': { describe: replaced(/a=framerate:\d+/, 'a=framerate:0') },
  'a range that is open': { describe: replaced(/a=control:\*/, 'a=control:*\r\na=range:npt=now-') },
  'lines that nobody knows': { describe: replaced(/a=framerate/, 'a=x-dimensions:320,240\r\nb=AS:5000\r\ni=camera\r\na=recvonly\r\na=framerate') },
};

for (const [what, { codec = 'h264', ...options }] of Object.entries(DESCRIPTIONS)) {
  test(`a description with ${what} is read`, () => assertWhole(server, { codec, ...options }).then(() => undefined));
}

test('control addresses may be absolute', async () => {
  const name = `cam${cameras}`;
  await assertWhole(server, { describe: replaced(/a=control:track1/, `a=control:rtsp://127.0.0.1:${server.port}/${name}/track1`) });
});

test.run();
