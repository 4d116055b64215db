import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../../src/engine/errors.ts';
import { answerSdp } from '../../../src/ingress/webrtc/answer.ts';
import { readOffer } from '../../../src/ingress/webrtc/offer.ts';
import { readTrickle } from '../../../src/ingress/webrtc/trickle.ts';
import { AUDIO_OFFER, CHROMIUM_OFFER, DATA_OFFER, ENCODER_OFFER, sdp, videoLines } from '../../support/whip-offers.ts';

const FACTS = { ice: { ufrag: 'abcd', password: 'p'.repeat(24) }, candidates: ['candidate:1 1 udp 2130706431 192.0.2.2 40000 typ host'], fingerprint: { algorithm: 'sha-256', value: 'AA:BB' }, sessionId: 7, bitrateMax: 0 };

function refusal(text: string): string {
  try {
    readOffer(text);
    return 'taken';
  } catch (error) {
    return error instanceof PlatformError ? `${error.code}: ${error.message}` : String(error);
  }
}

test('of a browser\'s offer H.264 is taken in the mode with fragments, and what identifies its video', () => {
  const { video, ssrc, transportSequenceId, isPassive, isBundled, videoAt, hasReducedRtcp, ice } = readOffer(CHROMIUM_OFFER);
  assert.equal([video.codec, video.payloadType, video.encoding, ssrc, transportSequenceId, isPassive, isBundled, videoAt, hasReducedRtcp], ['h264', 102, 'H264/90000', 2_568_883_837, 3, true, true, 1, true]);
  assert.equal(ice, { ufrag: 'CfMx', password: '5o3x5NYOQQ+se8NxlGA1OkZZ' });
  assert.is(readOffer(CHROMIUM_OFFER, ['vp8', 'h264']).video.payloadType, 96);
});

test('the answer receives the video, turns the rest down, and repeats what must be repeated', () => {
  const lines = answerSdp(readOffer(CHROMIUM_OFFER), FACTS).split('\r\n');
  assert.equal(lines.filter((line) => /^(?:m=|a=mid|a=group|a=setup|a=recvonly|a=inactive|a=ice-lite|a=fmtp|a=extmap)/.test(line)), [
    'a=ice-lite', 'a=group:BUNDLE 1', 'm=audio 0 UDP/TLS/RTP/SAVPF 111', 'a=mid:0', 'a=inactive', 'm=video 9 UDP/TLS/RTP/SAVPF 102', 'a=setup:passive', 'a=mid:1',
    'a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01', 'a=recvonly', 'a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=420034',
  ]);
  assert.equal(lines.filter((line) => line.startsWith('a=rtcp-fb')), ['a=rtcp-fb:102 nack', 'a=rtcp-fb:102 nack pli', 'a=rtcp-fb:102 ccm fir', 'a=rtcp-fb:102 transport-cc']);
  const limited = answerSdp(readOffer(CHROMIUM_OFFER), { ...FACTS, bitrateMax: 1_000_000 });
  assert.match(limited, 'b=TIAS:1000000\r\n');
  assert.match(limited, 'a=rtcp-fb:102 goog-remb\r\n');
});

test('an encoder that is active, unbundled and sets its level alone is taken as it is', () => {
  const offer = readOffer(ENCODER_OFFER);
  assert.equal([offer.video.codec, offer.ssrc, offer.isPassive, offer.isBundled, offer.transportSequenceId], ['h264', 42, true, false, undefined]);
  const answer = answerSdp(offer, FACTS);
  assert.not.match(answer, 'BUNDLE');
  assert.match(answer, 'a=fmtp:96 packetization-mode=1;profile-level-id=42001F\r\n');
});

test('what is not taken is refused with its reason', () => {
  assert.is(refusal(AUDIO_OFFER), 'OFFER_REFUSED: the offer has no video, only audio');
  assert.is(refusal(DATA_OFFER), 'OFFER_REFUSED: the offer has no video, only data');
  assert.is(refusal(sdp(...videoLines('0'), ...videoLines('1'))), 'OFFER_REFUSED: the offer has 2 videos; a camera takes one');
  assert.is(refusal(CHROMIUM_OFFER.replaceAll('H264/90000', 'VP9/90000').replaceAll('VP8/90000', 'AV1/90000')), 'OFFER_REFUSED: the offer has video as AV1, VP9; taken: h264, vp8');
  assert.is(refusal(CHROMIUM_OFFER.replaceAll('a=sendonly', 'a=recvonly')), 'OFFER_REFUSED: the video of the offer is not sent, but received or inactive');
  assert.is(refusal(CHROMIUM_OFFER.replaceAll('UDP/TLS/RTP/SAVPF', 'RTP/AVP')), 'OFFER_REFUSED: the video is offered over RTP/AVP, not UDP/TLS/RTP/SAVPF');
});

for (const [what, text, message] of [
  ['nothing', '', 'does not begin with v=0'], ['HTML', '<html>', 'does not begin with v=0'], ['another version', CHROMIUM_OFFER.replace('v=0', 'v=1'), 'does not begin with v=0'],
  ['a line of something else', CHROMIUM_OFFER.replace('s=-', 'hello'), 'line 3 is none of SDP'], ['no sections', sdp('a=x'), 'the offer has no video'],
  ['no ufrag', CHROMIUM_OFFER.replaceAll(/a=ice-ufrag:.*\r\n/g, ''), 'a=ice-ufrag'], ['a short password', CHROMIUM_OFFER.replaceAll('5o3x5NYOQQ+se8NxlGA1OkZZ', 'short'), 'a=ice-pwd'],
  ['no fingerprint', CHROMIUM_OFFER.replaceAll(/a=fingerprint:.*\r\n/g, ''), 'a=fingerprint'], ['a weak fingerprint', CHROMIUM_OFFER.replaceAll('sha-256', 'md5'), 'a=fingerprint'],
  ['no setup', CHROMIUM_OFFER.replaceAll('a=setup:actpass\r\n', ''), 'a=setup'], ['no rtcp-mux', CHROMIUM_OFFER.replaceAll('a=rtcp-mux\r\n', ''), 'a=rtcp-mux'], ['a port beyond ports', CHROMIUM_OFFER.replace('m=video 9', 'm=video 99999'), 'no media section'],
] as const) {
  test(`an offer with ${what} is refused as no usable description`, () => { assert.match(refusal(text), message); });
}

test('a fragment gives credentials and counts its candidates; a malformed one is refused', () => {
  const fragment = 'a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0\r\na=end-of-candidates\r\n'; // RFC 8840, section 9
  assert.equal(readTrickle(fragment), { ice: { ufrag: 'EsAw', password: 'P2uYro0UCOQ4zxjKXaWCBui1' }, candidates: 1 });
  for (const bad of ['', 'a=candidate:x', fragment.replace('a=ice-ufrag:EsAw\r\n', ''), fragment.replace('typ host', ''), fragment + 'a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n'.repeat(70)]) assert.throws(() => readTrickle(bad), (error: unknown) => error instanceof PlatformError && error.code === 'SDP_INVALID');
});

test.run();
