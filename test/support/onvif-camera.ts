import { createHash, randomUUID } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket as TcpSocket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { SELF_SIGNED } from './self-signed.ts';
import { answerOf, envelope, faultAnswer, hasLogin, motionAnswer, probeMatch, type CameraTraits, type Pose } from './onvif-answers.ts';

/** How a simulated camera misbehaves. */
export type CameraFault =
  /** Accepts connections and never answers. */
  | 'silent'
  /** Sends a byte now and then, for ever. */
  | 'trickle'
  /** Answers bytes that are no HTTP. */
  | 'garbage'
  /** Answers a web page. */
  | 'html'
  /** Answers more than anybody should read. */
  | 'huge'
  /** Answers XML that expands entities. */
  | 'bomb'
  /** Closes each connection. */
  | 'closing';

/** How a simulated camera is made. */
export interface OnvifCameraOptions extends Partial<Omit<CameraTraits, 'namedHost' | 'streams'>> {
  /** @default none: what a test says is no secret */
  readonly login?: 'ws-security' | 'digest' | 'none';
  /** `host[:port]` in its answers. @default where it listens */
  readonly namedHost?: string;
  readonly streams?: Readonly<Record<string, string>>;
  /** Answers probes on the multicast group. @default false */
  readonly isDiscoverable?: boolean;
  /** Location in its scopes. @default 'hall' */
  readonly location?: string;
  /** Serves HTTPS, with a certificate of its own. @default false */
  readonly isSecure?: boolean;
  /** Sends answers in chunks of a few bytes. @default false */
  readonly isChunked?: boolean;
  /** Answers instead of its own ones, by operation. */
  readonly answers?: (operation: string) => string | undefined;
}

/** One request that came. */
export interface CameraRequest { readonly operation: string; readonly path: string; readonly body: string }

/** A simulated ONVIF camera on the loopback address. */
export interface OnvifCamera {
  readonly port: number;
  readonly traits: CameraTraits;
  readonly requests: CameraRequest[];
  readonly pose: Pose;
  fault: CameraFault | undefined;
  /** Streams it names, by profile token. */
  streams: Record<string, string>;
  /** Probes that were answered. */
  probed: number;
  /** Connections open at this moment. */
  readonly connections: number;
  /** Most at once so far. */
  readonly mostConnections: number;
  /** Subscriptions that are pulled from or were not ended. */
  readonly subscriptions: number;
  /** Tells of motion, or of its end, to who pulls next. */
  move(isMotion: boolean): void;
  /** Sets its clock. */
  setClock(offsetMs: number): void;
  /** Forgets all subscriptions, as a camera that starts again does. */
  restart(): void;
  close(): Promise<void>;
}

const GROUP = '239.255.255.250';

/** Starts a camera. */
export async function startOnvifCamera(options: OnvifCameraOptions = {}): Promise<OnvifCamera> {
  const camera = new Simulated(options);
  await camera.listen();
  return camera;
}

class Simulated implements OnvifCamera {
  readonly requests: CameraRequest[] = [];
  readonly pose: Pose = { pan: 0, tilt: 0, zoom: 0, isMoving: false };
  fault: CameraFault | undefined;
  streams: Record<string, string> = {};
  probed = 0;
  mostConnections = 0;
  subscriptions = 0;
  #traits: CameraTraits | undefined;
  readonly #options: OnvifCameraOptions;
  readonly #server: Server;
  readonly #sockets = new Set<TcpSocket>();
  readonly #nonce = randomUUID();
  readonly #timers = new Set<NodeJS.Timeout>();
  #udp: Socket | undefined;
  #waiting: (() => void)[] = [];
  #motion: boolean[] = [];

  constructor(options: OnvifCameraOptions) {
    this.#options = options;
    const serve = (request: IncomingMessage, response: ServerResponse): void => { void this.#serve(request, response); };
    this.#server = options.isSecure ? createTlsServer(SELF_SIGNED, serve) : createServer(serve);
    this.#server.on('connection', (socket: TcpSocket) => {
      if (this.fault === 'closing') { socket.destroy(); return; }
      if (this.fault === 'garbage') { socket.end('SSH-2.0-dropbear\r\n'); return; }
      this.#sockets.add(socket);
      this.mostConnections = Math.max(this.mostConnections, this.#sockets.size);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  get port(): number { return (this.#server.address() as AddressInfo).port; }
  get connections(): number { return this.#sockets.size; }
  get traits(): CameraTraits {
    if (!this.#traits) throw new Error('not listening yet');
    return { ...this.#traits, streams: this.streams };
  }

  async listen(): Promise<void> {
    await new Promise<void>(resolve => { this.#server.listen(0, '127.0.0.1', resolve); });
    const { user = 'admin', password = 'secret', uuid = randomUUID(), clockOffsetMs = 0, hasMedia2 = false, hasPtz = true, hasEvents = true, isOld = false, information, namedHost, streams } = this.#options;
    const named = namedHost ?? `127.0.0.1:${this.port}`;
    this.streams = { profile_1: `rtsp://${named.replace(/:\d+$/, '')}:8554/main`, profile_2: `rtsp://${named.replace(/:\d+$/, '')}:8554/sub`, ...streams };
    this.#traits = {
      user, password, uuid, clockOffsetMs, hasMedia2, hasPtz, hasEvents, isOld, namedHost: named, streams: this.streams,
      information: information ?? { Manufacturer: 'Simulated', Model: 'Sim Cam 1', FirmwareVersion: '1.0', SerialNumber: '007', HardwareId: 'SIM' },
    };
    if (this.#options.isDiscoverable) await this.#listenForProbes();
  }

  move(isMotion: boolean): void {
    this.#motion.push(isMotion);
    this.#wakeAll();
  }

  setClock(offsetMs: number): void {
    if (this.#traits) this.#traits = { ...this.#traits, clockOffsetMs: offsetMs };
  }

  restart(): void {
    this.subscriptions = 0;
    for (const socket of this.#sockets) socket.destroy();
    this.#wakeAll();
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of this.#sockets) socket.destroy();
    this.#wakeAll();
    this.#udp?.close();
    await new Promise(resolve => { this.#server.close(resolve); });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    try {
      for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    } catch {
      return; // the other side left
    }
    const body = Buffer.concat(parts).toString();
    const operation = /<(?:\w+:)?Body[^>]*>\s*<(?:\w+:)?(\w+)/.exec(body)?.[1] ?? '';
    this.requests.push({ operation, path: request.url ?? '', body });
    if (this.fault !== undefined) { this.#misbehave(response); return; }
    const own = this.#options.answers?.(operation);
    if (own !== undefined) { this.#send(response, 200, own); return; }
    const refusal = operation === 'GetSystemDateAndTime' ? undefined : this.#refusal(request, body);
    if (refusal) { this.#send(response, refusal.status, refusal.text, refusal.headers); return; }
    if (operation === 'PullMessages') { await this.#pull(body, response); return; }
    this.#note(operation, body);
    const answer = answerOf(operation, body, this.traits, this.pose);
    if (answer === undefined) this.#send(response, 500, faultAnswer('ActionNotSupported', 'Optional Action Not Implemented'));
    else this.#send(response, 200, envelope(answer));
  }

  #refusal(request: IncomingMessage, body: string): { status: number; text: string; headers?: Record<string, string> } | undefined {
    switch (this.#options.login ?? 'none') {
      case 'none': return undefined;
      case 'ws-security': return hasLogin(body, this.traits) ? undefined : { status: 400, text: faultAnswer('NotAuthorized', 'Sender not Authorized') };
      case 'digest': {
        const { user, password } = this.traits;
        const fields = new Map([...(request.headers.authorization ?? '').matchAll(/(\w+)="?([^",]*)"?/g)].map(([, key = '', value = '']) => [key, value]));
        const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
        const expected = md5(`${md5(`${user}:cam:${password}`)}:${this.#nonce}:${fields.get('nc')}:${fields.get('cnonce')}:auth:${md5(`POST:${request.url}`)}`);
        if (fields.get('response') === expected) return undefined;
        return { status: 401, text: '<html><body>401</body></html>', headers: { 'www-authenticate': `Digest realm="cam", qop="auth", nonce="${this.#nonce}", opaque="x"` } };
      }
    }
  }

  #note(operation: string, body: string): void {
    const number = (tag: string, attribute: string): number | undefined => { const found = new RegExp(`<${tag}[^>]* ${attribute}="([^"]*)"`).exec(body)?.[1]; return found === undefined ? undefined : Number(found); };
    if (operation === 'CreatePullPointSubscription') this.subscriptions += 1;
    if (operation === 'Unsubscribe') this.subscriptions = Math.max(0, this.subscriptions - 1);
    if (operation === 'ContinuousMove') this.pose.isMoving = true;
    if (operation === 'Stop') this.pose.isMoving = false;
    const factor = operation === 'AbsoluteMove' ? 0 : 1;
    if (operation !== 'AbsoluteMove' && operation !== 'RelativeMove') return;
    const [pan, tilt, zoom] = [number('PanTilt', 'x'), number('PanTilt', 'y'), number('Zoom', 'x')];
    if (pan !== undefined) this.pose.pan = factor * this.pose.pan + pan;
    if (tilt !== undefined) this.pose.tilt = factor * this.pose.tilt + tilt;
    if (zoom !== undefined) this.pose.zoom = factor * this.pose.zoom + zoom;
  }

  /** Holds the request until something moves, or for as long as it allows. */
  async #pull(body: string, response: ServerResponse): Promise<void> {
    if (this.subscriptions === 0) { this.#send(response, 400, faultAnswer('InvalidArgVal', 'no such subscription')); return; }
    const seconds = Number(/<Timeout>PT(\d+)S</.exec(body)?.[1] ?? 60);
    if (this.#motion.length === 0) {
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, seconds * 1000);
        this.#timers.add(timer);
        response.on('close', resolve);
        this.#waiting.push(() => { clearTimeout(timer); this.#timers.delete(timer); resolve(); });
      });
    }
    if (response.destroyed) return; // who asked has left: the next one is told
    this.#send(response, 200, envelope(motionAnswer(this.#motion.splice(0))));
  }

  #wakeAll(): void { for (const wake of this.#waiting.splice(0)) wake(); }

  #send(response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void {
    response.writeHead(status, { 'content-type': 'application/soap+xml; charset=utf-8', ...headers });
    if (this.#options.isChunked) for (let at = 0; at < text.length; at += 7) response.write(text.slice(at, at + 7));
    response.end(this.#options.isChunked ? undefined : text);
  }

  #misbehave(response: ServerResponse): void {
    switch (this.fault) {
      case 'html': response.writeHead(200, { 'content-type': 'text/html' }).end('<!DOCTYPE html><html><head><title>NAS</title></head><body>Hello & welcome<br></body></html>'); return;
      case 'huge': {
        const more = (): void => { while (!response.destroyed && response.write('<a>'.repeat(20_000)));  };
        response.writeHead(200);
        response.on('drain', more);
        more();
        return;
      }
      case 'bomb': response.end(`<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>${envelope('<x>&c;</x>')}`); return;
      case 'trickle': {
        response.writeHead(200);
        const timer = setInterval(() => response.write(' '), 20);
        this.#timers.add(timer);
        response.on('close', () => clearInterval(timer));
        return;
      }
      default: // silent
    }
  }

  async #listenForProbes(): Promise<void> {
    const socket = createSocket({ type: 'udp4', reuseAddr: true });
    this.#udp = socket;
    await new Promise<void>(resolve => { socket.bind(3702, resolve); });
    for (const address of Object.values(networkInterfaces()).flatMap(each => each ?? []).filter(({ family }) => family === 'IPv4').map(each => each.address)) {
      try {
        socket.addMembership(GROUP, address);
      } catch { /* an interface without multicast */ }
    }
    socket.on('message', (message, { address, port }) => {
      const text = message.toString();
      if (!text.includes('/discovery/Probe') || !/NetworkVideoTransmitter/.test(text)) return;
      this.probed += 1;
      socket.send(probeMatch(text, this.traits, this.#options.location ?? 'hall'), port, address);
    });
  }
}
