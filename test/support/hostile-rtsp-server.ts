import { createServer, type Server, type Socket } from 'node:net';
import type { Clip } from './clip.ts';
import { FuzzRandom } from './fuzz.ts';
import { damaged } from './fuzz-damage.ts';
import { rtpStream } from './rtp.ts';
import { answer, sessionDescription, takeRequest, type RtspRequest } from './rtsp-message.ts';

/** Headers and numbers that servers get wrong. */
const NONSENSE = [
  'Content-Length: 99999999999', 'Content-Length: -1', 'Content-Length: 4294967295', 'Session: ', `Session: ${'s'.repeat(5000)}`, 'Session: x;timeout=-1', 'Transport: RTP/AVP/TCP;interleaved=300-301',
  'Transport: RTP/AVP/UDP;client_port=0-1;server_port=99999-1', 'Transport: ', 'Location: rtsp://127.0.0.1:9/elsewhere', 'RTP-Info: url=;seq=99999999999;rtptime=-1', 'Range: npt=9999999-',
  'WWW-Authenticate: Digest realm="%s%n",nonce=""', 'CSeq: 4294967296', `X: ${'y'.repeat(9000)}`, 'Content-Base: ../../', 'Server: RealServer', 'RealChallenge1: 0123456789abcdef',
];
const STATUSES = ['200 OK', '200 OK', '200 OK', '200 OK', '200 OK', '301 Moved', '401 Unauthorized', '404 Not Found', '454 Session Not Found', '500 Oops', '0', '99999 ?', ''];
const LINES = [
  'm=video 99999 RTP/AVP 96', 'm=audio 0 RTP/AVP 0', 'a=rtpmap:96 H264/0', 'a=rtpmap:96 H264/-1', 'a=rtpmap:255 H265/90000', 'a=rtpmap:96 MPEG4-GENERIC/90000', 'a=fmtp:96 packetization-mode=9;sprop-parameter-sets=,,,',
  'a=fmtp:96 sprop-parameter-sets=AAAA,////', 'a=control:../../../x', `a=control:${'/'.repeat(3000)}`, 'c=IN IP4 255.255.255.255', 'a=range:npt=0-99999999999999', 'a=framesize:96 99999-99999', 'a=framerate:1e999', 'a=rtpmap:96 VP9/90000', 'a=rtpmap:96 X-QT/90000',
];

/** What is damaged: everything a little, only the session description (no session comes of it), or only what is streamed. */
export type HostileMode = 'all' | 'sdp' | 'rtp';

/** An RTSP server whose answers are damaged by chance: the path `/<mode>/<seed>` says how. Everything it does for one path is repeatable. */
export async function startHostileServer(clips: readonly Clip[]): Promise<{ readonly port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    serve(socket, clips);
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return {
    port: (server.address() as { port: number }).port,
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    }),
  };
}

function serve(socket: Socket, clips: readonly Clip[]): void {
  let pending: Buffer = Buffer.alloc(0);
  let session: HostileSession | undefined;
  let answered = 0;
  socket.on('data', (bytes) => {
    pending = Buffer.concat([pending, bytes]);
    for (;;) {
      const { request, rest } = takeRequest(pending);
      pending = rest;
      if (request === null) return;
      session ??= sessionOf(request.url);
      if (answered++ > 20) { socket.destroy(); return; } // a client that asks for ever is its own fault
      socket.write(reply(request, session, clips));
      if (request.method === 'PLAY') play(socket, session, clips);
    }
  });
}

interface HostileSession { readonly mode: HostileMode; readonly random: FuzzRandom; clip?: Clip }

function sessionOf(url: string): HostileSession {
  const [, mode = 'all', seed = '1'] = /^\/(all|sdp|rtp)\/(\d+)/.exec(url.replace(/^rtsp:\/\/[^/]*/, '')) ?? [];
  return { mode: mode === 'sdp' || mode === 'rtp' ? mode : 'all', random: new FuzzRandom(Number(seed)) };
}

function reply(request: RtspRequest, session: HostileSession, clips: readonly Clip[]): Uint8Array {
  const { mode, random } = session;
  if (mode === 'sdp' && request.method === 'SETUP') return Buffer.from(answer('404 Not Found', request));
  const clip = session.clip ??= random.pick(clips);
  const isWrong = mode === 'all' && random.next() < 0.35;
  const headers: Record<string, string> = { Session: '12345678;timeout=60', Transport: 'RTP/AVP/TCP;unicast;interleaved=0-1', Public: 'OPTIONS, DESCRIBE, SETUP, PLAY' };
  let body = '';
  if (request.method === 'DESCRIBE') {
    headers['Content-Type'] = 'application/sdp';
    body = sessionDescription(clip.codec, clip.units[0]!.data, clip.frameRate);
    if (mode !== 'rtp' && random.next() < (mode === 'sdp' ? 0.99 : 0.5)) body = withLines(body, random);
  }
  const status = isWrong && random.next() < 0.4 ? random.pick(STATUSES) : '200 OK';
  let text = answer(status, request, headers, body);
  if (isWrong) for (let count = random.integer(3); count > 0; count--) text = text.replace('\r\n', `\r\n${random.pick(NONSENSE)}\r\n`);
  const bytes = Buffer.from(text, 'latin1');
  return isWrong && random.next() < 0.5 ? damaged(bytes, random) : bytes;
}

function withLines(description: string, random: FuzzRandom): string {
  const lines = description.split('\r\n');
  for (let count = 1 + random.integer(3); count > 0; count--) lines.splice(random.integer(lines.length), random.integer(2), random.pick(LINES));
  return random.next() < 0.3 ? Buffer.from(damaged(Buffer.from(lines.join('\r\n')), random)).toString('latin1') : lines.join('\r\n');
}

/** The clip's packets at once, some of them damaged, out of order or on another channel, with garbage between. */
function play(socket: Socket, session: HostileSession, clips: readonly Clip[]): void {
  const { mode, random } = session;
  const clip = mode === 'rtp' ? session.clip ?? random.pick(clips) : random.pick(clips);
  const stream = rtpStream(clip.codec);
  const wrong = random.next() * (mode === 'rtp' ? 0.9 : 0.3);
  const packets = clip.units.slice(0, 20).flatMap(({ data }, index) => [...index % 5 === 0 ? [stream.senderReport(1.7e15 * random.next(), index * 3600)] : [], ...stream.packetize(data, index * 3600)]);
  for (const packet of packets) {
    const bytes = random.next() < wrong ? damaged(packet, random) : packet;
    const head = Buffer.from([0x24, random.next() < wrong / 3 ? random.integer(256) : packet[1] === 200 ? 1 : 0, bytes.length >> 8, bytes.length & 0xff]);
    socket.write(Buffer.concat([random.next() < wrong / 5 ? random.bytes(random.integer(40)) : new Uint8Array(0), head, bytes]));
  }
  if (mode === 'rtp' || random.next() < 0.8) socket.end();
}
