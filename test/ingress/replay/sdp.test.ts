import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../../src/engine/errors.ts';
import { describedVideo } from '../../../src/ingress/replay/sdp.ts';

const base64 = (...bytes: number[]): string => Buffer.from(bytes).toString('base64');

test('finds the H.264 track among others, with its parameter sets and control', () => {
  const video = describedVideo([
    'v=0', 'o=- 0 0 IN IP4 10.0.0.1', 's=x', 'a=control:rtsp://10.0.0.1/base', 'm=audio 0 RTP/AVP 0', 'a=control:track0', 'm=video 0 RTP/AVP 97 98',
    'a=rtpmap:97 JPEG/90000', 'a=rtpmap:98 h264/90000', `a=fmtp:98 packetization-mode=1; sprop-parameter-sets=${base64(0x67, 1, 2, 3)},${base64(0x68, 4)}; profile-level-id=42e01f`,
    'a=framerate:12.5', 'a=control:track1?x=1', 'm=application 0 RTP/AVP 107', 'a=rtpmap:107 vnd.onvif.metadata/90000', '',
  ].join('\r\n'));
  assert.equal(video, { codec: 'h264', payloadType: 98, clockHz: 90_000, parameterSets: [Uint8Array.of(0x67, 1, 2, 3), Uint8Array.of(0x68, 4)], frameRate: 12.5, control: 'track1?x=1' });
});

test('reads H.265 with its three kinds of parameter sets, in the order a decoder wants, and plain line ends', () => {
  const { codec, parameterSets } = describedVideo(`m=video 0 RTP/AVP 96\na=rtpmap:96 H265/90000\na=fmtp:96 sprop-pps=${base64(0x44, 1)};sprop-sps=${base64(0x42, 1)};sprop-vps=${base64(0x40, 1)}\n`);
  assert.is(codec, 'hevc');
  assert.equal(parameterSets, [Uint8Array.of(0x40, 1), Uint8Array.of(0x42, 1), Uint8Array.of(0x44, 1)]);
});

test('says what there is where there is no video that is known', () => {
  const refused = (text: string): string => {
    try {
      describedVideo(text);
    } catch (error) {
      if (error instanceof PlatformError && error.code === 'MEDIA_UNSUPPORTED') return error.message;
    }
    return assert.unreachable() as never;
  };
  assert.match(refused('m=video 0 RTP/AVP 26\r\na=rtpmap:26 JPEG/90000\r\nm=audio 0 RTP/AVP 0'), /'video JPEG\/90000', 'audio'/);
  assert.match(refused(''), /but nothing/);
  assert.match(refused('m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/0'), /no H.264/);
});

test.run();
