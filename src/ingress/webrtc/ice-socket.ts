import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { PlatformError } from '../../engine/errors.ts';
import { bindingSuccess, isStun, readBindingRequest, roleConflict, type UdpAddress } from './stun.ts';

/** Where a socket for publishers may listen, and what it says of that. */
export interface IceSocketOptions {
  /** The first free UDP port from `portMin` to `portMax` is taken; 0 and 0: any. */
  readonly portMin: number;
  readonly portMax: number;
  /** Addresses that publishers reach this machine by, besides or instead of its own: behind address translation its public one. */
  readonly publicAddresses: readonly string[];
}

/** Names one side of an ICE session (RFC 8839, section 5.4). */
export interface IceCredentials { readonly ufrag: string; readonly password: string }

/** One publisher on a socket: what comes from it, and the way back. */
export interface IceAgent {
  readonly local: IceCredentials;
  /** Datagrams other than STUN, from the publisher. */
  onDatagram: (datagram: Buffer) => void;
  /** True once the publisher has shown that it knows the password. */
  readonly isReachable: boolean;
  /** Called once, when that happens. */
  onReachable: () => void;
  /** Sends to where the publisher wants it; nowhere before it is reachable. */
  send(datagram: Buffer): void;
  /** New credentials for the same session: an ICE restart. The old ones stay good for what is on its way until the new ones are used. */
  restart(remoteUfrag: string): IceCredentials;
  close(): void;
}

/** Asks for room in the system for bursts of key pictures. */
const RECEIVE_BUFFER_BYTES = 4 << 20;
/** Addresses of one publisher that are remembered: it may roam. */
const ADDRESSES_MAX = 8;

/**
 * The UDP port that publishers of a process share. Takes part in ICE as a lite agent (RFC 8445, section 2.5): it is asked and answers, and asks
 * nobody, so no offer makes it send anything anywhere; the publisher picks the way. Senders that do not know the password are not heard.
 */
export class IceSocket {
  readonly port: number;
  readonly #sockets: readonly Socket[];
  readonly #options: IceSocketOptions;
  readonly #agents = new Map<string, Agent>();
  readonly #senders = new Map<string, Agent>();
  #closing: Promise<void> | undefined;

  private constructor(sockets: readonly Socket[], port: number, options: IceSocketOptions) {
    this.#sockets = sockets;
    this.port = port;
    this.#options = options;
    for (const socket of sockets) {
      socket.on('message', (datagram, { address, port: from }) => this.#receive(socket, datagram, { address, port: from }));
      socket.on('error', () => { /* of one datagram that could not be sent: ICE and RTP live with losses */ });
    }
  }

  /** @throws PlatformError CONFIG_INVALID when no port of the range is free */
  static async open(options: IceSocketOptions): Promise<IceSocket> {
    const isIpv6Wanted = hostAddresses(options).some((address) => isIPv6(address));
    for (let port = options.portMin; port <= options.portMax; port++) {
      const first = await bound('udp4', port);
      if (first === undefined) continue;
      const chosen = first.address().port;
      const second = isIpv6Wanted ? await bound('udp6', chosen) : undefined;
      return new IceSocket(second === undefined ? [first] : [first, second], chosen, options);
    }
    throw new PlatformError('CONFIG_INVALID', `no UDP port from ${options.portMin} to ${options.portMax} is free for publishers`, { path: 'webrtc.portMin' });
  }

  /** Lines of SDP that tell where publishers reach this socket (RFC 8839, section 5.1). */
  candidates(): readonly string[] {
    const hasIpv6 = this.#sockets.length > 1;
    return hostAddresses(this.#options).filter((address) => hasIpv6 || !isIPv6(address)).map((address, index) => {
      const priority = 126 * 2 ** 24 + (65_535 - index) * 2 ** 8 + 255; // type preference of host, local preference, component 1 (RFC 8445, 5.1.2.1)
      return `candidate:${index + 1} 1 udp ${priority} ${address} ${this.port} typ host`;
    });
  }

  /** A place for a publisher whose side of the session is named `remoteUfrag`. */
  join(remoteUfrag: string): IceAgent {
    return new Agent(this.#agents, this.#senders, remoteUfrag);
  }

  /** Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const agent of this.#agents.values()) agent.close();
    await Promise.all(this.#sockets.map((socket) => new Promise<void>((resolve) => { socket.close(() => resolve()); })));
  }

  #receive(socket: Socket, datagram: Buffer, from: UdpAddress): void {
    if (!isStun(datagram)) {
      this.#senders.get(keyOf(from))?.onDatagram(datagram);
      return;
    }
    const request = readBindingRequest(datagram);
    const agent = request === undefined ? undefined : this.#agents.get(request.username);
    if (request === undefined || agent === undefined) return;
    const password = agent.passwordOf(request.username);
    if (password === undefined || !request.isSignedWith(password)) return;
    if (request.isControlled) {
      socket.send(roleConflict(request, password), from.port, from.address);
      return;
    }
    socket.send(bindingSuccess(request, from, password), from.port, from.address);
    agent.heard({ socket, from, isNominating: request.isNominating });
  }
}

interface Heard { readonly socket: Socket; readonly from: UdpAddress; readonly isNominating: boolean }

class Agent implements IceAgent {
  local: IceCredentials;
  onDatagram: (datagram: Buffer) => void = () => {};
  onReachable: () => void = () => {};
  readonly #agents: Map<string, Agent>;
  readonly #senders: Map<string, Agent>;
  /** Passwords by the user names that requests carry: the newest, and the one before it during a restart. */
  readonly #passwords = new Map<string, string>();
  readonly #addresses: string[] = [];
  #way: Heard | undefined;

  constructor(agents: Map<string, Agent>, senders: Map<string, Agent>, remoteUfrag: string) {
    this.#agents = agents;
    this.#senders = senders;
    this.local = this.#credentialsFor(remoteUfrag);
  }

  get isReachable(): boolean { return this.#way !== undefined; }

  passwordOf(username: string): string | undefined { return this.#passwords.get(username); }

  heard(heard: Heard): void {
    const wasReachable = this.isReachable;
    this.#remember(keyOf(heard.from));
    if (heard.isNominating || this.#way === undefined) this.#way = heard;
    if (!wasReachable) this.onReachable();
  }

  send(datagram: Buffer): void {
    const way = this.#way;
    if (way !== undefined) way.socket.send(datagram, way.from.port, way.from.address);
  }

  restart(remoteUfrag: string): IceCredentials {
    const [oldest] = this.#passwords.keys();
    if (this.#passwords.size > 1 && oldest !== undefined) this.#forget(oldest);
    this.local = this.#credentialsFor(remoteUfrag);
    return this.local;
  }

  close(): void {
    for (const username of this.#passwords.keys()) this.#forget(username);
    for (const address of this.#addresses) if (this.#senders.get(address) === this) this.#senders.delete(address);
    this.#way = undefined;
  }

  #credentialsFor(remoteUfrag: string): IceCredentials {
    const local = { ufrag: randomBytes(6).toString('hex'), password: randomBytes(18).toString('hex') };
    const username = `${local.ufrag}:${remoteUfrag}`;
    this.#passwords.set(username, local.password);
    this.#agents.set(username, this);
    return local;
  }

  #forget(username: string): void {
    this.#passwords.delete(username);
    this.#agents.delete(username);
  }

  #remember(address: string): void {
    this.#senders.set(address, this);
    if (this.#addresses.includes(address)) return;
    this.#addresses.push(address);
    const oldest = this.#addresses.length > ADDRESSES_MAX ? this.#addresses.shift() : undefined;
    if (oldest !== undefined && this.#senders.get(oldest) === this) this.#senders.delete(oldest);
  }
}

function keyOf({ address, port }: UdpAddress): string {
  return `${address}/${port}`;
}

function hostAddresses({ publicAddresses }: IceSocketOptions): readonly string[] {
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []).filter(({ internal, address, scopeid }) => !internal && !scopeid && !address.startsWith('169.254.'));
  const all = [...new Set([...publicAddresses, ...own.map(({ address }) => address)])];
  return all.length > 0 ? all : ['127.0.0.1'];
}

function bound(type: 'udp4' | 'udp6', port: number): Promise<Socket | undefined> {
  const socket = createSocket({ type, ipv6Only: type === 'udp6', recvBufferSize: RECEIVE_BUFFER_BYTES });
  return new Promise((resolve) => {
    socket.once('error', () => { socket.close(); resolve(undefined); });
    socket.once('listening', () => { socket.removeAllListeners('error'); resolve(socket); });
    socket.bind(port);
  });
}
