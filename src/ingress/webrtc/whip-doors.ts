import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import type { Clock } from '../../engine/clock.ts';
import { PlatformError } from '../../engine/errors.ts';
import type { CameraId } from '../../engine/units.ts';
import type { Publisher, PublisherDoor } from '../publisher.ts';
import { answerSdp, restartFragment } from './answer.ts';
import { IceSocket, type IceAgent, type IceSocketOptions } from './ice-socket.ts';
import { readOffer, type Offer, type WhipCodec } from './offer.ts';
import type { Peer, PeerLimits } from './peer.ts';
import { readTrickle } from './trickle.ts';

/** How publishers are taken in. */
export interface WhipOptions extends IceSocketOptions, PeerLimits {
  readonly clock: Clock;
  /** In order of preference. */
  readonly codecs: readonly WhipCodec[];
  /** A second publisher takes the place of the first when it is connected; else it is refused. */
  readonly isTakeoverAllowed: boolean;
}

/** A session that was granted. */
export interface GrantedSession {
  /** Names it; hard to guess. */
  readonly session: string;
  /** The answer (SDP). */
  readonly answer: string;
  /** Names its ICE credentials (RFC 9725, section 4.3.1). */
  readonly entityTag: string;
}

/** What a change of ICE led to: new credentials of ours after a restart. */
export interface IceChange { readonly entityTag: string; readonly fragment: string | undefined }

/** A session as it stands. */
interface Session {
  readonly id: string;
  readonly peer: Peer;
  readonly agent: IceAgent;
  readonly offer: Offer;
  remote: Offer['ice'];
  entityTag: string;
}

/** Most publishers of one camera that have not connected yet: the newest ones. */
const PENDING_MAX = 4;

/** The doors of a process's cameras: where publishers come in (RFC 9725), and cameras wait for them. One UDP port for all, open while somebody publishes. */
export class WhipDoors {
  readonly #options: WhipOptions;
  readonly #doors = new Map<CameraId, Door>();
  #socket: Promise<IceSocket> | undefined;
  #sessions = 0;

  constructor(options: WhipOptions) { this.#options = options; }

  /** The door of a camera, there from now on. */
  open(camera: CameraId): PublisherDoor {
    let door = this.#doors.get(camera);
    if (door === undefined) {
      door = new Door(camera, this.#options);
      this.#doors.set(camera, door);
    }
    return door;
  }

  /** Closes the door of a camera that is no more: who publishes to it is sent away. */
  close(camera: CameraId): void {
    this.#doors.get(camera)?.close();
    this.#doors.delete(camera);
  }

  /** Takes a publisher in. @throws PlatformError PUBLISHING_REFUSED, SDP_INVALID, OFFER_REFUSED, PUBLISHER_EXISTS, CONFIG_INVALID */
  async publish(camera: CameraId, offerText: string): Promise<GrantedSession> {
    const door = this.#doorOf(camera);
    const offer = readOffer(offerText, this.#options.codecs);
    door.checkFree();
    const { Peer, localFingerprint } = await import('./peer.ts'); // werift is large, and most cameras need none of it
    const [fingerprint, socket] = [await localFingerprint(), await this.#acquire()];
    try {
      const agent = socket.join(offer.ice.ufrag);
      const { clock, connectMs, stallMs, keyTimeoutMs, waitMs, bitrateMax } = this.#options;
      const peer = new Peer({ offer, agent, clock, connectMs, stallMs, keyTimeoutMs, waitMs, bitrateMax, localSsrc: randomInt(1, 2 ** 32 - 1) });
      const session: Session = { id: randomUUID(), peer, agent, offer, remote: offer.ice, entityTag: newTag() };
      door.admit(session);
      void peer.ended.then(() => this.#release());
      const answer = answerSdp(offer, { ice: agent.local, candidates: socket.candidates(), fingerprint, sessionId: randomInt(2 ** 47), bitrateMax });
      return { session: session.id, answer, entityTag: session.entityTag };
    } catch (error) {
      await this.#release();
      throw error;
    }
  }

  /**
   * Takes candidates, or new credentials of the publisher: an ICE restart. `expectedTag`: what the caller believes the entity tag to be; `*`: any.
   * @throws PlatformError PUBLISHING_UNKNOWN, ENTITY_TAG_STALE, SDP_INVALID
   */
  async trickle(camera: CameraId, sessionId: string, change: { readonly fragment: string; readonly expectedTag: string }): Promise<IceChange> {
    const session = this.#doorOf(camera).sessionOf(sessionId);
    const { ice } = readTrickle(change.fragment);
    if (change.expectedTag !== '*' && change.expectedTag !== session.entityTag) throw new PlatformError('ENTITY_TAG_STALE', 'the entity tag is not that of the session', {});
    if (ice.ufrag === session.remote.ufrag && ice.password === session.remote.password) return { entityTag: session.entityTag, fragment: undefined };
    const socket = await this.#socket;
    if (socket === undefined || session.peer.hasEnded) throw new PlatformError('PUBLISHING_UNKNOWN', 'the session is over', {});
    session.remote = ice;
    session.entityTag = newTag();
    return { entityTag: session.entityTag, fragment: restartFragment(session.offer, { ice: session.agent.restart(ice.ufrag), candidates: socket.candidates() }) };
  }

  /** Ends a session in order. @throws PlatformError PUBLISHING_UNKNOWN */
  async end(camera: CameraId, sessionId: string): Promise<void> {
    this.#doorOf(camera).sessionOf(sessionId).peer.leave();
  }

  /** Sends everybody away. */
  async closeAll(): Promise<void> {
    for (const camera of [...this.#doors.keys()]) this.close(camera);
    await (await this.#socket)?.close();
  }

  #doorOf(camera: CameraId): Door {
    const door = this.#doors.get(camera);
    if (door === undefined) throw new PlatformError('PUBLISHING_REFUSED', `camera '${camera}' does not wait for a publisher`, { camera });
    return door;
  }

  async #acquire(): Promise<IceSocket> {
    this.#sessions += 1;
    this.#socket ??= IceSocket.open(this.#options);
    try {
      return await this.#socket;
    } catch (error) {
      this.#socket = undefined;
      this.#sessions -= 1;
      throw error;
    }
  }

  async #release(): Promise<void> {
    this.#sessions -= 1;
    if (this.#sessions > 0) return;
    const socket = this.#socket;
    this.#socket = undefined;
    await (await socket)?.close();
  }
}

/** The door of one camera: one publisher is in, others may be on their way. */
class Door implements PublisherDoor {
  readonly #camera: CameraId;
  readonly #options: WhipOptions;
  #pending: Session[] = [];
  /** Connected, and not yet over. */
  #current: Session | undefined;
  /** Connected, and not yet taken by the camera. */
  #arrived: Publisher | undefined;
  #wake: (() => void) | undefined;

  constructor(camera: CameraId, options: WhipOptions) {
    this.#camera = camera;
    this.#options = options;
  }

  /** @throws PlatformError PUBLISHER_EXISTS */
  checkFree(): void {
    if (this.#options.isTakeoverAllowed || (this.#current === undefined && this.#pending.length === 0)) return;
    throw new PlatformError('PUBLISHER_EXISTS', `somebody publishes to camera '${this.#camera}' already`, { camera: this.#camera });
  }

  admit(session: Session): void {
    this.checkFree();
    this.#pending.push(session);
    if (this.#pending.length > PENDING_MAX) this.#pending[0]?.peer.end(this.#replaced());
    void session.peer.connected.then((isConnected) => { if (isConnected) this.#enter(session); });
    void session.peer.ended.then(() => this.#leave(session));
  }

  /** @throws PlatformError PUBLISHING_UNKNOWN */
  sessionOf(id: string): Session {
    const session = [...this.#pending, ...(this.#current === undefined ? [] : [this.#current])].find((candidate) => candidate.id === id);
    if (session === undefined) throw new PlatformError('PUBLISHING_UNKNOWN', `camera '${this.#camera}' has no such session`, { camera: this.#camera });
    return session;
  }

  async next(signal: AbortSignal): Promise<Publisher> {
    for (;;) {
      signal.throwIfAborted();
      const publisher = this.#arrived;
      this.#arrived = undefined;
      if (publisher !== undefined) return publisher;
      await new Promise<void>((resolve) => {
        const wake = (): void => { signal.removeEventListener('abort', wake); resolve(); };
        this.#wake = wake;
        signal.addEventListener('abort', wake, { once: true });
      });
    }
  }

  close(): void {
    const why = new PlatformError('SOURCE_UNREACHABLE', `camera '${this.#camera}' is gone`, {});
    for (const { peer } of [...this.#pending, ...(this.#current === undefined ? [] : [this.#current])]) peer.end(why);
  }

  #enter(session: Session): void {
    this.#pending = this.#pending.filter((other) => other !== session);
    this.#current?.peer.end(this.#replaced());
    this.#current = session;
    this.#arrived = session.peer;
    this.#wake?.();
  }

  #leave(session: Session): void {
    this.#pending = this.#pending.filter((other) => other !== session);
    if (this.#current === session) this.#current = undefined;
  }

  #replaced(): PlatformError {
    return new PlatformError('PUBLISHER_REPLACED', `another publisher took camera '${this.#camera}' over`, { camera: this.#camera });
  }
}

function newTag(): string {
  return `"${randomBytes(12).toString('hex')}"`;
}
