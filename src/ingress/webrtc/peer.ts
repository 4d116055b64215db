import { Event, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport, type RtcpPacket, type RTCIceTransport, type RtpPacket as WerRtpPacket } from 'werift';
import type { Clock } from '../../engine/clock.ts';
import { PlatformError } from '../../engine/errors.ts';
import { annexB } from '../../media/nal.ts';
import type { PublishedPicture, Publisher } from '../publisher.ts';
import type { IceAgent } from './ice-socket.ts';
import type { Offer } from './offer.ts';
import { VideoReceiver } from './video-receiver.ts';

/** How long things may take with a publisher. */
export interface PeerLimits {
  /** From the answer to the end of the handshake. */
  readonly connectMs: number;
  /** Without a packet. */
  readonly stallMs: number;
  /** From the handshake to the first key picture. */
  readonly keyTimeoutMs: number;
  /** For a missing packet. */
  readonly waitMs: number;
  /** Bits a second; 0: no limit. */
  readonly bitrateMax: number;
}

/** What a peer is made of. */
export interface PeerOptions extends PeerLimits {
  readonly offer: Offer;
  readonly agent: IceAgent;
  readonly clock: Clock;
  readonly localSsrc: number;
}

/** SRTP protection profiles in order of preference: AEAD_AES_128_GCM (RFC 7714), AES128_CM_HMAC_SHA1_80 (RFC 5764). */
const SRTP_PROFILES: (1 | 7)[] = [7, 1];
/** SDP_Params of the sender: RtcpSrPacket's type. */
const SENDER_REPORT = 200;

/** Our certificate's fingerprint: one certificate serves all publishers of a process. */
export async function localFingerprint(): Promise<{ readonly algorithm: string; readonly value: string }> {
  const certificate = await RTCDtlsTransport.SetupCertificate();
  const [fingerprint] = certificate.getFingerprints();
  if (fingerprint === undefined) throw new Error('the certificate has no fingerprint');
  return { algorithm: fingerprint.algorithm, value: fingerprint.value };
}

/** A publisher behind DTLS-SRTP: handshake, packets in, feedback out. Ends by itself when it is not heard of. */
export class Peer implements Publisher {
  /** Resolves when the handshake is done, with false when the peer ended before. */
  readonly connected: Promise<boolean>;
  /** Resolves when it has ended, however. */
  readonly ended: Promise<void>;
  readonly codec: Publisher['codec'];
  readonly parameterSets: Uint8Array;
  readonly #options: PeerOptions;
  readonly #dtls: RTCDtlsTransport;
  readonly #receiver: VideoReceiver;
  readonly #ending = new AbortController();
  readonly #setConnected: (isConnected: boolean) => void;
  #connectedMs: number | undefined;
  #hasKey = false;
  /** Why it ended; null: in order. */
  #end: PlatformError | null | undefined;
  #wake: (() => void) | undefined;

  constructor(options: PeerOptions) {
    const { offer, agent, clock, localSsrc, waitMs, bitrateMax } = options;
    this.#options = options;
    this.codec = offer.video.codec;
    this.parameterSets = parameterSetsOf(offer);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.connected = promise;
    this.#setConnected = resolve;
    this.ended = new Promise((over) => { this.#ending.signal.addEventListener('abort', () => over(), { once: true }); });
    const onData = new Event<[Buffer]>();
    const ice = { role: 'controlled', state: 'connected', connection: { onData, send: async (datagram: Buffer) => agent.send(datagram), close: async () => {} }, stop: async () => {} };
    // Stands in for werift's own ICE, which opens sockets per publisher and asks every address that an offer names: DTLS uses no more of it than this.
    this.#dtls = new RTCDtlsTransport({}, ice as unknown as RTCIceTransport, undefined, SRTP_PROFILES);
    this.#dtls.setRemoteParams(new RTCDtlsParameters(offer.fingerprints.map(({ algorithm, value }) => new RTCDtlsFingerprint(algorithm, value)), offer.isPassive ? 'client' : 'server'));
    this.#dtls.role = offer.isPassive ? 'server' : 'client';
    this.#receiver = new VideoReceiver({ codec: offer.video.codec, clock, localSsrc, waitMs, bitrateMax, send: (rtcp) => this.#sendRtcp(rtcp) });
    this.#receiver.onPicture(() => { this.#hasKey = true; this.#wake?.(); });
    this.#dtls.onRtp.subscribe((packet) => this.#guarded(() => this.#takeRtp(packet)));
    this.#dtls.onRtcp.subscribe((packet) => this.#guarded(() => this.#takeRtcp(packet)));
    this.#dtls.onStateChange.subscribe((state) => {
      if (state === 'closed') this.end(null);
      else if (state === 'failed') this.end(lost('the handshake with the publisher failed'));
    });
    agent.onDatagram = (datagram) => this.#guarded(() => onData.execute(datagram));
    agent.onReachable = () => { this.#handshake().catch((error: unknown) => this.end(lost('the handshake with the publisher failed', error))); };
    this.#watch().catch((error: unknown) => this.end(lost('the publisher could not be watched', error)));
  }

  get unreadable(): number { return this.#receiver.unreadable; }

  get lastUnreadable(): PlatformError | undefined { return this.#receiver.lastUnreadable; }

  get hasEnded(): boolean { return this.#end !== undefined; }

  async next(signal: AbortSignal): Promise<PublishedPicture | undefined> {
    for (;;) {
      signal.throwIfAborted();
      const picture = this.#receiver.take();
      if (picture !== undefined) return picture;
      if (this.#end !== undefined) {
        if (this.#end !== null) throw this.#end;
        return undefined;
      }
      await new Promise<void>((resolve) => {
        const wake = (): void => { signal.removeEventListener('abort', wake); this.#wake = undefined; resolve(); };
        this.#wake = wake;
        signal.addEventListener('abort', wake, { once: true });
      });
    }
  }

  leave(): void { this.end(null); }

  /** Ends the session: what was received is still given. `why` null: in order. Idempotent. */
  end(why: PlatformError | null): void {
    if (this.#end !== undefined) return;
    this.#receiver.flush();
    this.#end = why;
    this.#ending.abort();
    this.#setConnected(false);
    this.#guarded(() => { this.#dtls.dtls?.close(); });
    this.#dtls.stop().catch(() => { /* it is over either way */ });
    this.#options.agent.close();
    this.#wake?.();
  }

  async #handshake(): Promise<void> {
    await this.#dtls.start();
    this.#connectedMs = this.#options.clock.monotonicMs();
    this.#setConnected(true);
  }

  /** One loop a publisher, whatever its rate: feedback, and the limits of silence. */
  async #watch(): Promise<void> {
    const { clock } = this.#options;
    const startMs = clock.monotonicMs();
    while (!this.#ending.signal.aborted) {
      const nowMs = clock.monotonicMs();
      this.#receiver.tick(nowMs);
      const silence = this.#silence(nowMs, startMs);
      if (silence !== undefined) { this.end(new PlatformError('SOURCE_STALLED', silence, {})); return; }
      await clock.sleep(this.#receiver.tickMs, this.#ending.signal).catch(() => { /* it has ended */ });
    }
  }

  #silence(nowMs: number, startMs: number): string | undefined {
    const { connectMs, stallMs, keyTimeoutMs } = this.#options;
    const connectedMs = this.#connectedMs;
    if (connectedMs === undefined) return nowMs - startMs > connectMs ? `the publisher did not connect within ${connectMs} ms` : undefined;
    if (nowMs - Math.max(connectedMs, this.#receiver.lastPacketMs ?? 0) > stallMs) return `the publisher sent nothing for ${stallMs} ms`;
    return !this.#hasKey && nowMs - connectedMs > keyTimeoutMs ? `the publisher sent no key frame for ${keyTimeoutMs} ms` : undefined;
  }

  #takeRtp({ header, payload }: WerRtpPacket): void {
    const { offer, clock } = this.#options;
    if (header.payloadType !== offer.video.payloadType || (offer.ssrc !== undefined && header.ssrc !== offer.ssrc)) return;
    const extension = offer.transportSequenceId === undefined ? undefined : header.extensions.find(({ id }) => id === offer.transportSequenceId)?.payload;
    this.#receiver.push({
      sequence: header.sequenceNumber, timestamp: header.timestamp, isLast: header.marker, payload, arrivedAt: clock.now(),
    }, header.ssrc, extension?.length === 2 ? extension.readUInt16BE(0) : undefined);
  }

  #takeRtcp(packet: RtcpPacket): void {
    if (packet.type === SENDER_REPORT) this.#receiver.senderReport(packet.ssrc, packet.senderInfo.ntpTimestamp, packet.senderInfo.rtpTimestamp);
  }

  #sendRtcp(rtcp: Buffer): void {
    if (this.#dtls.state !== 'connected' || this.#end !== undefined) return;
    const message = { serialize: () => rtcp };
    this.#dtls.sendRtcp([message as unknown as RtcpPacket]).catch(() => { /* feedback may be lost */ }); // it uses nothing else of a packet
  }

  /** werift swallows what its subscribers throw: it ends the session here. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.end(lost('what the publisher sent could not be handled', error));
    }
  }
}

function lost(message: string, cause?: unknown): PlatformError {
  return new PlatformError('SOURCE_UNREACHABLE', message, {}, cause);
}

/** `sprop-parameter-sets` (RFC 6184, section 8.1) as Annex B. */
function parameterSetsOf({ video }: Offer): Uint8Array {
  const sets = video.codec === 'h264' ? /(?:^|;)\s*sprop-parameter-sets=([A-Za-z0-9+/=,]{1,2048})/.exec(video.parameters)?.[1]?.split(',') ?? [] : [];
  return annexB(sets.map((set) => Buffer.from(set, 'base64')));
}
