import { createSocket } from 'node:dgram';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { classes, Message, methods, parseMessage } from 'werift';
import { PlatformError } from '../../../src/engine/errors.ts';
import { IceSocket } from '../../../src/ingress/webrtc/ice-socket.ts';
import { eventually } from '../../support/eventually.ts';

const ANY = { portMin: 0, portMax: 0, publicAddresses: ['127.0.0.1', '203.0.113.9'] };

/** A UDP socket that asks as a browser does; STUN is werift's, so that both sides are not of one hand. */
async function asker(port: number): Promise<{ readonly port: number; readonly heard: Buffer[]; ask(username: string, password: string, extra?: 'nominating' | 'controlled'): void; send(bytes: Buffer): void; close(): void }> {
  const socket = createSocket('udp4');
  const heard: Buffer[] = [];
  socket.on('message', (bytes) => heard.push(bytes));
  await new Promise<void>((resolve) => { socket.bind(0, '127.0.0.1', resolve); });
  return {
    port: socket.address().port, heard,
    ask(username, password, extra) {
      const request = new Message(methods.BINDING, classes.REQUEST).setAttribute('USERNAME', username).setAttribute('PRIORITY', 1);
      if (extra === 'nominating') request.setAttribute('USE-CANDIDATE', null);
      request.setAttribute(extra === 'controlled' ? 'ICE-CONTROLLED' : 'ICE-CONTROLLING', 7n);
      socket.send(request.addMessageIntegrity(Buffer.from(password)).addFingerprint().bytes, port, '127.0.0.1');
    },
    send: (bytes) => { socket.send(bytes, port, '127.0.0.1'); },
    close: () => { socket.close(); },
  };
}

async function withSocket(check: (socket: IceSocket) => Promise<void>): Promise<void> {
  const socket = await IceSocket.open(ANY);
  try {
    await check(socket);
  } finally {
    await socket.close();
  }
}

test('who knows the password is answered with where it is seen, and heard from then on', () => withSocket(async (socket) => {
  const agent = socket.join('them');
  const got: string[] = [];
  agent.onDatagram = (datagram) => { got.push(datagram.toString()); };
  const browser = await asker(socket.port);
  browser.send(Buffer.from('\x80 too early'));
  browser.ask(`${agent.local.ufrag}:them`, agent.local.password, 'nominating');
  await eventually(() => browser.heard.length === 1, 'an answer');
  const answer = parseMessage(browser.heard[0]!, Buffer.from(agent.local.password));
  assert.equal([answer?.messageClass, answer?.getAttributeValue('XOR-MAPPED-ADDRESS')], [classes.RESPONSE, ['127.0.0.1', browser.port]]);
  assert.ok(agent.isReachable);
  browser.send(Buffer.from('\x80media'));
  await eventually(() => got.length === 1, 'its packet');
  assert.equal(got, [Buffer.from('\x80media').toString()]);
  agent.send(Buffer.from('\x80back'));
  await eventually(() => browser.heard.length === 2, 'ours');
  browser.close();
}));

test('who does not know it is neither answered nor heard', () => withSocket(async (socket) => {
  const agent = socket.join('them');
  const got: Buffer[] = [];
  agent.onDatagram = (datagram) => { got.push(datagram); };
  const stranger = await asker(socket.port);
  stranger.ask(`${agent.local.ufrag}:them`, 'x'.repeat(24), 'nominating');
  stranger.ask('nobody:them', agent.local.password, 'nominating');
  stranger.send(Buffer.from('\x80media'));
  const browser = await asker(socket.port);
  browser.ask(`${agent.local.ufrag}:them`, agent.local.password);
  await eventually(() => browser.heard.length === 1, 'the other one is answered');
  assert.equal([stranger.heard.length, got.length], [0, 0]);
  for (const each of [stranger, browser]) each.close();
}));

test('a sender that does not control is told of the conflict, and the way is the one nominated last', () => withSocket(async (socket) => {
  const agent = socket.join('them');
  const [one, two] = [await asker(socket.port), await asker(socket.port)];
  one.ask(`${agent.local.ufrag}:them`, agent.local.password, 'controlled');
  await eventually(() => one.heard.length === 1, 'the conflict');
  assert.equal(parseMessage(one.heard[0]!)?.getAttributeValue('ERROR-CODE'), [487, 'Role Conflict']);
  assert.not.ok(agent.isReachable);
  one.ask(`${agent.local.ufrag}:them`, agent.local.password, 'nominating');
  await eventually(() => one.heard.length === 2, 'an answer');
  two.ask(`${agent.local.ufrag}:them`, agent.local.password, 'nominating');
  await eventually(() => two.heard.length === 1, 'an answer');
  agent.send(Buffer.from('\x80'));
  await eventually(() => two.heard.length === 2, 'it goes to the second');
  for (const each of [one, two]) each.close();
}));

test('a restart gives new credentials; the old ones are good until the one after', () => withSocket(async (socket) => {
  const agent = socket.join('them');
  const first = agent.local;
  const second = agent.restart('again');
  const browser = await asker(socket.port);
  browser.ask(`${first.ufrag}:them`, first.password);
  browser.ask(`${second.ufrag}:again`, second.password);
  await eventually(() => browser.heard.length === 2, 'both are answered');
  agent.restart('third');
  browser.ask(`${first.ufrag}:them`, first.password);
  browser.ask(`${second.ufrag}:again`, second.password);
  await eventually(() => browser.heard.length === 3, 'the newer one is answered');
  agent.close();
  browser.ask(`${second.ufrag}:again`, second.password);
  const other = socket.join('other');
  browser.ask(`${other.local.ufrag}:other`, other.local.password);
  await eventually(() => browser.heard.length === 4, 'only who is there is answered');
  browser.close();
}));

test('candidates name the public addresses first, and the port that is shared', () => withSocket(async (socket) => {
  const [first, second] = socket.candidates();
  assert.match(first ?? '', new RegExp(`^candidate:1 1 udp \\d+ 127\\.0\\.0\\.1 ${socket.port} typ host$`));
  assert.match(second ?? '', ' 203.0.113.9 ');
}));

test('the next free port of the range is taken, and none left is an error of the settings', async () => {
  const taken = await IceSocket.open(ANY);
  const options = { ...ANY, portMin: taken.port, portMax: taken.port };
  const refused = await IceSocket.open(options).then(() => '', (error: unknown) => (error instanceof PlatformError ? error.code : String(error)));
  assert.is(refused, 'CONFIG_INVALID');
  await taken.close();
  const again = await IceSocket.open(options);
  assert.is(again.port, taken.port);
  await again.close();
});

test.run();
