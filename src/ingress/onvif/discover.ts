import { createSocket, type Socket } from 'node:dgram';
import { randomUUID } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import type { Clock } from '../../engine/clock.ts';
import { PlatformError } from '../../engine/errors.ts';
import { probes, readProbeMatches, type DiscoveredDevice } from './probe-messages.ts';

/** How devices are looked for. */
export interface DiscoverOptions {
  /** Answers are waited for so long. @default 3000 */
  readonly forMs?: number;
  /** Name of one network interface. @default all */
  readonly networkInterface?: string;
  readonly clock: Clock;
}

/** What a discovery found. */
export interface Discovery {
  /** Each device once, by name, then address. */
  readonly devices: readonly DiscoveredDevice[];
  /** Answers that could not be read. */
  readonly unreadable: number;
  /** Addresses of this machine that were asked from. */
  readonly askedFrom: readonly string[];
}

/** WS-Discovery over IPv4 (WS-Discovery 1.0, section 2.4). */
const GROUP = { address: '239.255.255.250', port: 3702 } as const;
/** Datagrams get lost: a probe is sent again (SOAP-over-UDP 1.0, appendix I). */
const AGAIN_MS = [0, 150, 600] as const;
const DEVICES_MAX = 1_024;
/** Answers that are looked at: more than devices send, less than keeps a process busy. */
const ANSWERS_MAX = 16_384;
const INTERFACES_MAX = 32;

/**
 * Looks for ONVIF devices on the networks of this machine, within a time.
 * @throws PlatformError DISCOVERY_FAILED when no network could be asked, REQUEST_INVALID for an unknown interface; the signal's reason
 */
export async function discoverOnvif({ forMs = 3_000, networkInterface, clock }: DiscoverOptions, signal: AbortSignal): Promise<Discovery> {
  signal.throwIfAborted();
  const ids = [randomUUID(), randomUUID()];
  const found = new Found(ids);
  const addresses = addressesOf(networkInterface);
  const sockets: Socket[] = [];
  const failures: unknown[] = [];
  try {
    await Promise.all(addresses.map(async address => {
      const socket = await open(address).catch((error: unknown) => { failures.push(error); });
      if (!socket) return;
      sockets.push(socket);
      socket.on('message', (message, { address: sender }) => { found.take(message, sender); });
      socket.on('error', error => { failures.push(error); });
    }));
    const asked = await ask(sockets, probes(ids).map(text => Buffer.from(text)), { forMs, clock, signal });
    if (asked === 0) {
      throw new PlatformError('DISCOVERY_FAILED', `no network could be asked for cameras${addresses.length === 0 ? ': this machine has no IPv4 address' : `: ${messageOf(failures.at(-1))}`}`, { interfaces: addresses.length }, failures.at(-1));
    }
    return { devices: found.devices(), unreadable: found.unreadable, askedFrom: addresses };
  } finally {
    for (const socket of sockets) socket.close();
  }
}

function addressesOf(wanted: string | undefined): readonly string[] {
  const all = networkInterfaces();
  if (wanted !== undefined && !Object.hasOwn(all, wanted)) {
    throw new PlatformError('REQUEST_INVALID', `this machine has no network interface '${wanted.slice(0, 40)}' (known: ${Object.keys(all).join(', ')})`, { field: 'interface' });
  }
  return Object.entries(all).filter(([name]) => wanted === undefined || name === wanted)
    .flatMap(([, each]) => (each ?? []).filter(({ family }) => family === 'IPv4').map(({ address }) => address)).slice(0, INTERFACES_MAX);
}

async function open(address: string): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(0, address, () => { socket.off('error', reject); resolve(); });
    });
    socket.setMulticastInterface(address);
    socket.setMulticastTTL(1);
    socket.setMulticastLoopback(true);
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

interface Asking { readonly forMs: number; readonly clock: Clock; readonly signal: AbortSignal }

/** Sends the probes, again and again, and waits out the time. Returns from how many sockets one was sent. */
async function ask(sockets: readonly Socket[], messages: readonly Buffer[], { forMs, clock, signal }: Asking): Promise<number> {
  const startMs = clock.monotonicMs();
  const heard = new Set<Socket>();
  for (const atMs of AGAIN_MS) {
    const waitMs = Math.min(atMs, forMs) - (clock.monotonicMs() - startMs);
    if (waitMs > 0) await clock.sleep(waitMs, signal);
    if (atMs > forMs) break;
    await Promise.all(sockets.flatMap(socket => messages.map(message => new Promise<void>(resolve => {
      socket.send(message, GROUP.port, GROUP.address, error => { if (error === null) heard.add(socket); resolve(); });
    }))));
    if (heard.size === 0) return 0;
  }
  const leftMs = forMs - (clock.monotonicMs() - startMs);
  if (leftMs > 0) await clock.sleep(leftMs, signal);
  return heard.size;
}

/** What answered so far: each device once, however many networks it answered on. */
class Found {
  unreadable = 0;
  readonly #ids: readonly string[];
  readonly #devices = new Map<string, DiscoveredDevice>();
  #answers = 0;

  constructor(ids: readonly string[]) {
    this.#ids = ids;
  }

  take(message: Buffer, sender: string): void {
    this.#answers += 1;
    if (this.#answers > ANSWERS_MAX) return;
    try {
      for (const device of readProbeMatches(message.toString('utf8'), sender, this.#ids)) {
        // Cheap cameras of one make may share an endpoint.
        const key = [device.id, ...device.addresses.toSorted()].join(' ');
        if (!this.#devices.has(key) && this.#devices.size < DEVICES_MAX) this.#devices.set(key, device);
      }
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error;
      this.unreadable += 1;
    }
  }

  devices(): readonly DiscoveredDevice[] {
    return [...this.#devices.values()].toSorted((a, b) => a.name.localeCompare(b.name) || a.uri.localeCompare(b.uri));
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'nothing could be sent';
}
