import { H264Packetizer, MediaStreamTrack, RTCPeerConnection, RTCRtpCodecParameters, useNACK, usePLI, useTransportWideCC, useTWCC, Vp8Packetizer, type RTCRtpSender, type RtpPacket } from 'werift';
import { nalUnits } from './nal-units.ts';
import type { SentPicture } from './published-packets.ts';
import { call, type Answer } from './with-gateway.ts';

/** What becomes of a packet. */
export type Fate = 'arrives' | 'once' | 'forever';

/** A publisher by WHIP: werift as the browser's part. */
export interface TestPublisher {
  readonly peer: RTCPeerConnection;
  /** Path of the session. */
  readonly location: string;
  readonly entityTag: string;
  readonly answer: Answer;
  /** Packets sent, the lost ones too. werift can send the last 128 again. */
  readonly packets: number;
  /** Key pictures that were asked for. */
  readonly keyRequests: number;
  /** Resolves when DTLS is up. */
  connected(): Promise<void>;
  /** Sends pictures as fast as they are taken; `fate` says which packets, by their count, get lost: `once` is sent again when asked for, `forever` never. */
  send(pictures: readonly SentPicture[], fate?: (packet: number) => Fate): Promise<void>;
  close(): Promise<void>;
}

const MIME = { h264: 'video/H264', vp8: 'video/VP8' } as const;
const STEP = 3600;

/** Makes an offer of one video, as `POST /whip/…` takes it. */
export async function makeOffer(codec: 'h264' | 'vp8'): Promise<{ readonly peer: RTCPeerConnection; readonly track: MediaStreamTrack; readonly sender: RTCRtpSender; readonly sdp: string }> {
  const peer = new RTCPeerConnection({
    codecs: { audio: [], video: [new RTCRtpCodecParameters({
      mimeType: MIME[codec], clockRate: 90_000, payloadType: 102, rtcpFeedback: [useNACK(), usePLI(), useTWCC()],
      ...codec === 'h264' && { parameters: 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f' },
    })] },
    headerExtensions: { video: [useTransportWideCC()] }, iceServers: [],
  });
  const track = new MediaStreamTrack({ kind: 'video' });
  const { sender } = peer.addTransceiver(track, { direction: 'sendonly' });
  await peer.setLocalDescription(await peer.createOffer());
  return { peer, track, sender, sdp: peer.localDescription?.sdp ?? '' };
}

/** Publishes to a camera of a gateway. `setup`: who starts the handshake, as the offer says. */
export async function publishTo(port: number, camera: string, codec: 'h264' | 'vp8', setup: 'actpass' | 'passive' = 'actpass'): Promise<TestPublisher> {
  const { peer, track, sender, sdp: offer } = await makeOffer(codec);
  const sdp = offer.replaceAll('a=setup:actpass', `a=setup:${setup}`);
  const answer = await call(port, 'POST', `/whip/${camera}`, { headers: { 'content-type': 'application/sdp' }, body: sdp });
  if (answer.status !== 201) { await peer.close(); throw new Error(`POST answered ${answer.status}: ${answer.text}`); }
  const packetizer = codec === 'h264' ? new H264Packetizer({ payloadType: 102 }) : new Vp8Packetizer({ payloadType: 102 });
  const sent = { packets: 0, pictures: 0, keyRequests: 0 };
  sender.onPictureLossIndication.subscribe(() => { sent.keyRequests += 1; });
  await peer.setRemoteDescription({ type: 'answer', sdp: answer.text });
  return {
    peer, answer, location: String(answer.headers['location']), entityTag: String(answer.headers['etag']),
    get packets() { return sent.packets; },
    get keyRequests() { return sent.keyRequests; },
    connected: async () => { if (peer.connectionState !== 'connected') await peer.connectionStateChange.watch((state) => state === 'connected', 10_000); },
    async send(pictures, fate = () => 'arrives') {
      for (const { data } of pictures) {
        const bytes = codec === 'h264' ? Buffer.concat(nalUnits(data).flatMap((nal) => [Buffer.of(0, 0, 0, 1), nal])) : Buffer.from(data);
        for (const packet of packetizer.packetize(bytes, sent.pictures * STEP)) {
          sent.packets += 1;
          await sendOne(sender, track, packet, fate(sent.packets));
        }
        sent.pictures += 1;
      }
    },
    close: () => peer.close(),
  };
}

/** A packet that gets lost is known to the sender, which sends it again when asked. */
async function sendOne(sender: RTCRtpSender, track: MediaStreamTrack, packet: RtpPacket, fate: Fate): Promise<void> {
  if (fate === 'forever') return;
  if (fate === 'once') {
    const { dtlsTransport } = sender;
    const { connection } = dtlsTransport.iceTransport;
    const send = connection.send.bind(connection);
    connection.send = async () => {};
    await sender.sendRtp(packet);
    connection.send = send;
    return;
  }
  track.writeRtp(packet);
  await new Promise<void>((resolve) => { setImmediate(resolve); });
}
