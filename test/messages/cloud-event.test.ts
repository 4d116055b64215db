import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import { cloudEventHeaders, envelopeOf, eventTime, microsOf, recordHeaders } from '../../src/messages/cloud-event.ts';
import { fixedSchemaIds } from '../../src/messages/schema-ids.ts';
import { recordCodecs } from '../../src/messages/topics.ts';
import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import type { DesiredCamera } from '../../src/messages/desired-camera.ts';
import { rollDice } from '../support/dice.ts';

const { events, cameras } = recordCodecs(fixedSchemaIds());
const dock = 'dock-2' as CameraId;
const event: PlatformEvent = { type: 'gap', camera: dock, at: epochMicros(1_700_000_000_123_456), from: epochMicros(1), to: epochMicros(2), reason: 'kill' };

test('event times are RFC 3339 with microseconds, in any order of calls', () => {
  assert.is(eventTime(epochMicros(0)), '1970-01-01T00:00:00.000000Z');
  assert.is(eventTime(epochMicros(1_700_000_000_123_456)), '2023-11-14T22:13:20.123456Z');
  assert.is(eventTime(epochMicros(-1)), '1969-12-31T23:59:59.999999Z');
  assert.is(eventTime(epochMicros(1_700_000_000_999_999.5)), '2023-11-14T22:13:21.000000Z');
});

test('a time comes back to the microsecond, whatever it is', () => {
  const dice = rollDice('event times');
  for (let round = 0; round < 2000; round += 1) {
    const at = epochMicros(dice.between(-9_000_000_000_000_000, 9_000_000_000_000_000));
    assert.is(microsOf(eventTime(at)), at);
  }
});

test('times of other writers are read too; what is no time is none', () => {
  assert.is(microsOf('2023-11-14T22:13:20Z'), 1_700_000_000_000_000);
  assert.is(microsOf('2023-11-14t23:13:20.5+01:00'), 1_700_000_000_500_000);
  assert.is(microsOf('2023-11-14T22:13:20.123456789z'), 1_700_000_000_123_456);
  for (const text of ['', 'yesterday', '2023-11-14', '2023-13-14T22:13:20Z', '2023-11-14T22:13:20']) assert.is(microsOf(text), undefined, text);
});

test('attributes are those of CloudEvents 1.0 in binary mode', () => {
  assert.equal(cloudEventHeaders({ source: '/vto/events', type: 'visutility.PlatformEvent' }, { id: 'x', kind: 'gap', at: epochMicros(0) }, 'dock-2'), {
    ce_specversion: '1.0', ce_id: 'x', ce_source: '/vto/events', ce_type: 'visutility.PlatformEvent.gap', ce_subject: 'dock-2', ce_time: '1970-01-01T00:00:00.000000Z', 'content-type': 'application/avro',
  });
});

test('key, event time and trace of an envelope come back from its record', () => {
  const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const sent = { body: event, key: dock, capturedAt: epochMicros(1_700_000_000_654_321), trace };
  const headers = recordHeaders(events, sent);
  assert.is(headers['traceparent'], trace);
  assert.equal(envelopeOf({ key: 'dock-2', headers, timestampMs: 5 }, event), sent);
  assert.is(recordHeaders(events, { ...sent, trace: '' })['traceparent'], undefined);
  assert.equal(envelopeOf({ key: 'group/dock-2', headers: recordHeaders(events, { ...sent, trace: '' }), timestampMs: 5 }, event), { ...sent, trace: '' });
});

test('a record without our headers has its key and the time it was written', () => {
  assert.equal(envelopeOf({ key: 'dock-2', headers: {}, timestampMs: 1_700_000_000_123 }, event), { body: event, key: dock, capturedAt: epochMicros(1_700_000_000_123_000), trace: '' });
  for (const key of [null, 'Dock 2', '']) assert.throws(() => envelopeOf({ key, headers: {}, timestampMs: 1 }, event), (error: { code?: string }) => error.code === 'RECORD_INVALID');
});

test('a wish for a camera has its own id where it has a time, else that of what it says', () => {
  const wish: DesiredCamera = { id: dock, uri: 'rtsp://a', maxFps: null, isDetecting: true, isLooping: false };
  const id = (camera: DesiredCamera): string | undefined => cameras.headers(camera, dock)['ce_id'];
  assert.is.not(id(wish), id({ ...wish, uri: 'rtsp://b' }));
  assert.is(id(wish), id({ ...wish }));
  assert.is.not(id({ ...wish, at: epochMicros(1) }), id({ ...wish, at: epochMicros(2) }));
  assert.is(cameras.headers(wish, dock)['ce_time'], undefined);
});

test.run();
