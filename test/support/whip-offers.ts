const ICE = ['a=ice-ufrag:CfMx', 'a=ice-pwd:5o3x5NYOQQ+se8NxlGA1OkZZ', 'a=ice-options:trickle', 'a=fingerprint:sha-256 46:2D:DA:10:48:C2:F8:C2:F6:5F:9A:04:CC:EE:43:54:65:5C:EE:08:6F:E6:78:61:69:BE:96:82:5C:B2:40:7A', 'a=setup:actpass'];
const TRANSPORT_CC = 'a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01';
const fb = (type: number): string[] => ['goog-remb', 'transport-cc', 'ccm fir', 'nack', 'nack pli'].map((what) => `a=rtcp-fb:${type} ${what}`);

/** A description of its lines. */
export function sdp(...lines: readonly string[]): string {
  return `${['v=0', 'o=- 7653310396175948172 2 IN IP4 127.0.0.1', 's=-', 't=0 0', ...lines].join('\r\n')}\r\n`;
}

const AUDIO = [
  'm=audio 9 UDP/TLS/RTP/SAVPF 111 63', 'c=IN IP4 0.0.0.0', 'a=rtcp:9 IN IP4 0.0.0.0', ...ICE, 'a=mid:0', TRANSPORT_CC, 'a=sendonly', 'a=msid:- bc2a8bc9', 'a=rtcp-mux', 'a=rtcp-rsize',
  'a=rtpmap:111 opus/48000/2', 'a=fmtp:111 minptime=10;useinbandfec=1', 'a=rtpmap:63 red/48000/2', 'a=fmtp:63 111/111', 'a=ssrc:179155957 cname:x6bGaDe74klyTlvm',
] as const;

const VIDEO = [
  'm=video 9 UDP/TLS/RTP/SAVPF 96 97 104 102 103', 'c=IN IP4 0.0.0.0', 'a=rtcp:9 IN IP4 0.0.0.0', ...ICE, 'a=mid:1', 'a=extmap:14 urn:ietf:params:rtp-hdrext:toffset', TRANSPORT_CC,
  'a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid', 'a=sendonly', 'a=msid:- c78f09f9', 'a=rtcp-mux', 'a=rtcp-rsize', 'a=rtpmap:96 VP8/90000', ...fb(96), 'a=rtpmap:97 rtx/90000', 'a=fmtp:97 apt=96',
  'a=rtpmap:104 H264/90000', ...fb(104), 'a=fmtp:104 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f',
  'a=rtpmap:102 H264/90000', ...fb(102), 'a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f', 'a=rtpmap:103 rtx/90000', 'a=fmtp:103 apt=102',
  'a=ssrc-group:FID 2568883837 3653635321', 'a=ssrc:2568883837 cname:x6bGaDe74klyTlvm', 'a=ssrc:3653635321 cname:x6bGaDe74klyTlvm',
  'a=candidate:1 1 udp 2122260223 192.0.2.7 61764 typ host generation 0', 'a=candidate:2 1 udp 2122194687 4c6b6a5e-0000-4000-8000-0123456789ab.local 61765 typ host',
] as const;

/** As Chromium 156 offers a camera with a microphone, shortened. */
export const CHROMIUM_OFFER = sdp('a=group:BUNDLE 0 1', 'a=extmap-allow-mixed', 'a=msid-semantic: WMS', ...AUDIO, ...VIDEO);

/** A video section as Chromium offers it, with its mid. */
export const videoLines = (mid: string): readonly string[] => VIDEO.map((line) => (line === 'a=mid:1' ? `a=mid:${mid}` : line));

/** An encoder's: H.264 alone, credentials of the session, no bundle, parameter sets in the offer. */
export const ENCODER_OFFER = sdp(...ICE.filter((line) => !line.startsWith('a=setup')), 'a=setup:active', 'm=video 9 UDP/TLS/RTP/SAVPF 96', 'c=IN IP4 0.0.0.0', 'a=rtcp-mux', 'a=sendonly', 'a=rtpmap:96 H264/90000',
  'a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0IAH6tAoAt2AtwEBAaQeJEV,aM48gA==;profile-level-id=42001F', 'a=ssrc:42 cname:encoder');

/** Sound without a picture. */
export const AUDIO_OFFER = sdp('a=group:BUNDLE 0', ...AUDIO);

/** A data channel alone. */
export const DATA_OFFER = sdp('a=group:BUNDLE 0', 'm=application 9 UDP/DTLS/SCTP webrtc-datachannel', 'c=IN IP4 0.0.0.0', ...ICE, 'a=mid:0', 'a=sctp-port:5000');

/** Offers of all kinds. */
export const OFFERS = [CHROMIUM_OFFER, ENCODER_OFFER, AUDIO_OFFER, DATA_OFFER, sdp('a=group:BUNDLE 0 1', ...videoLines('0'), ...videoLines('1'))] as const;
