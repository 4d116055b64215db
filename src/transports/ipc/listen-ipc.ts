import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import type { Clock } from '../../engine/clock.ts';
import { PlatformError } from '../../engine/errors.ts';
import type { Random } from '../../engine/random.ts';
import type { IpcNode } from '../ipc-types.ts';
import { LinkNode } from './link-node.ts';

/** Longest path of a Unix socket in bytes that both Linux (108) and macOS (104) take, with its final zero: sockaddr_un, unix(7). */
const MAX_PATH_BYTES = 103;

/** Options of {@link listenIpc}. */
export interface ListenIpcOptions {
  /** File of the socket; one left by a process that is gone is replaced. */
  readonly path: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Told why a connection was lost (LINK_INVALID and the like); the node goes on. */
  onError(error: unknown): void;
}

/**
 * Opens the server side of a link; only this user may connect.
 * @throws PlatformError CONFIG_INVALID when the path is too long; STORE_LOCKED when a living process listens there; the system's error otherwise
 */
export async function listenIpc(options: ListenIpcOptions): Promise<IpcNode> {
  const { path, clock } = options;
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) throw new PlatformError('CONFIG_INVALID', `socket path of ${Buffer.byteLength(path)} bytes is longer than ${MAX_PATH_BYTES}: ${path}`, { path });
  await removeStale(path);
  const server = createServer(socket => { node.accept(socket); });
  const node = new LinkNode({
    clock,
    connect: () => Promise.reject(new PlatformError('REQUEST_INVALID', 'only the connecting side of a link makes calls')),
    opened() { /* the node has asked for its topics */ },
    closed(_connection, error) { if (error !== undefined && !isOrdinaryLoss(error)) options.onError(error); },
    shut: () => new Promise<void>(resolve => { server.close(() => resolve()); }),
  });
  await listen(server, path);
  server.on('error', error => options.onError(error));
  return node;
}

async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => { server.off('error', reject); resolve(); });
  });
  chmodSync(path, 0o600);
}

/** A peer that was killed: its supervisor reports that. */
function isOrdinaryLoss(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new PlatformError('CONFIG_INVALID', `${path} is no socket and is left alone`, { path });
  const isAlive = await new Promise<boolean>(resolve => {
    const probe = connect(path);
    probe.once('connect', () => { probe.destroy(); resolve(true); });
    probe.once('error', () => resolve(false));
  });
  if (isAlive) throw new PlatformError('STORE_LOCKED', `a process listens on ${path}`, { path });
  unlinkSync(path);
}
