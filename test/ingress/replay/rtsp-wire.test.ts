import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../../src/engine/errors.ts';
import { RtspWire, type RtspItem } from '../../../src/ingress/replay/rtsp-wire.ts';
import { rollDice } from '../../support/dice.ts';

const text = (value: string): Buffer => Buffer.from(value, 'latin1');
const packet = (channel: number, payload: Buffer): Buffer => Buffer.concat([Buffer.from([0x24, channel, payload.length >> 8, payload.length & 255]), payload]);

const STREAM = Buffer.concat([
  text('RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 5\r\nWWW-Authenticate: Basic realm="a"\r\nWWW-Authenticate: Digest realm="a",\r\n nonce="n"\r\n\r\nhello'),
  packet(0, text('$$RTSP/1.0 200 OK\r\n\r\n')), text('\r\n\r\n'), packet(1, Buffer.alloc(0)),
  text('OPTIONS rtsp://h/1 RTSP/1.0\r\nCSeq: 7\r\n\r\n'), packet(255, Buffer.alloc(65_535, 7)), text('RTSP/1.0 454 Session Not Found\r\n\r\n'),
]);

const WANTED = [
  { kind: 'answer', status: 200, reason: 'OK', headers: { cseq: ['1'], 'content-length': ['5'], 'www-authenticate': ['Basic realm="a"', 'Digest realm="a", nonce="n"'] }, body: 'hello' },
  { kind: 'packet', channel: 0, payload: '$$RTSP/1.0 200 OK\r\n\r\n' }, { kind: 'packet', channel: 1, payload: '' },
  { kind: 'request', method: 'OPTIONS', headers: { cseq: ['7'] } }, { kind: 'packet', channel: 255, payload: Buffer.alloc(65_535, 7).toString('latin1') },
  { kind: 'answer', status: 454, reason: 'Session Not Found', headers: {}, body: '' },
];

function plain(item: RtspItem): object {
  switch (item.kind) {
    case 'packet': return { kind: item.kind, channel: item.channel, payload: Buffer.from(item.payload).toString('latin1') };
    case 'answer': return { ...item, headers: Object.fromEntries(item.headers), body: Buffer.from(item.body).toString('latin1') };
    case 'request': return { ...item, headers: Object.fromEntries(item.headers) };
  }
}

test('messages and packets come out the same however the bytes are cut', () => {
  const dice = rollDice('rtsp-wire');
  for (let round = 0; round < 60; round += 1) {
    const wire = new RtspWire();
    const items: RtspItem[] = [];
    const most = dice.pick([1, 7, 100, 2_000, STREAM.length]);
    for (let at = 0; at < STREAM.length;) {
      const size = round === 0 ? STREAM.length : dice.between(1, most);
      const piece = Buffer.from(STREAM.subarray(at, at + size));
      items.push(...wire.take(piece));
      at += size;
    }
    assert.equal(items.map(plain), WANTED, `SEED=${dice.seed}`);
    assert.is(wire.heldBytes, 0);
  }
});

const refused = (bytes: Buffer): void => assert.throws(() => new RtspWire().take(bytes), (error: unknown) => error instanceof PlatformError && error.code === 'SOURCE_UNREACHABLE');

test('bytes that are no RTSP are refused by name, and early', () => {
  refused(text('HTTP/1.1 200 OK\r\n\r\n'));
  refused(Buffer.from([1, 2, 3, 4]));
  refused(text('RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n'));
  refused(text('RTSP/1.0 200 OK\r\nContent-Length: 99999999\r\n\r\n'));
  refused(text(`RTSP/1.0 200 OK\r\n${'a: b\r\n'.repeat(200)}\r\n`));
  refused(text(`RTSP/1.0 200 ${'a'.repeat(40_000)}`));
});

test('a head that never ends is not held beyond its bound', () => {
  const wire = new RtspWire();
  assert.throws(() => { for (let times = 0; times < 100; times += 1) wire.take(text(`x${'y'.repeat(999)}`)); }, /longer than/);
  assert.ok(wire.heldBytes <= 34_000);
});

test.run();
