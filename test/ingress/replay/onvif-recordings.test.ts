import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../../src/engine/errors.ts';
import { systemClock } from '../../../src/engine/system-clock.ts';
import { epochMicros } from '../../../src/engine/units.ts';
import { parseXml } from '../../../src/ingress/onvif/xml.ts';
import { chooseRecording, onvifRecordings, readRecordings, type RecordingDescription } from '../../../src/ingress/replay/onvif-recordings.ts';
import type { Recording } from '../../../src/ingress/replay/recordings.ts';
import { envelope } from '../../support/onvif-answers.ts';
import { startOnvifCamera, type OnvifCamera, type OnvifCameraOptions } from '../../support/onvif-camera.ts';

const T0 = Date.parse('2026-11-24T01:00:00Z');
const at = (seconds: number): ReturnType<typeof epochMicros> => epochMicros((T0 + seconds * 1000) * 1000);
const iso = (seconds: number): string => new Date(T0 + seconds * 1000).toISOString();

const service = (name: string, path: string): string => `<tds:Service><tds:Namespace>http://www.onvif.org/${name}/wsdl</tds:Namespace><tds:XAddr>http://192.168.0.64${path}</tds:XAddr><tds:Version><tt:Major>2</tt:Major><tt:Minor>60</tt:Minor></tds:Version></tds:Service>`;
const SERVICES = ['ver10/device:/onvif/device_service', 'ver10/media:/onvif/media', 'ver10/search:/onvif/search', 'ver10/replay:/onvif/replay'].map((each) => service(...each.split(':') as [string, string])).join('');

function information(token: string, source: string, from: number, to: number): string {
  return `<tt:RecordingInformation><tt:RecordingToken>${token}</tt:RecordingToken><tt:Source><tt:SourceId>${source}</tt:SourceId><tt:Name>a</tt:Name></tt:Source><tt:EarliestRecording>${iso(from)}</tt:EarliestRecording>`
    + `<tt:LatestRecording>${iso(to)}</tt:LatestRecording><tt:Content>x</tt:Content><tt:Track><tt:TrackToken>AUDIO001</tt:TrackToken><tt:TrackType>Audio</tt:TrackType><tt:DataFrom>${iso(-9e6)}</tt:DataFrom><tt:DataTo>${iso(9e6)}</tt:DataTo></tt:Track>`
    + `<tt:Track><tt:TrackToken>VIDEO001</tt:TrackToken><tt:TrackType>Video</tt:TrackType><tt:DataFrom>${iso(from)}</tt:DataFrom><tt:DataTo>${iso(to)}</tt:DataTo></tt:Track><tt:RecordingStatus>Recording</tt:RecordingStatus></tt:RecordingInformation>`;
}

const results = (state: string, ...list: readonly string[]): string => envelope(`<tse:GetRecordingSearchResultsResponse xmlns:tse="urn:x"><tse:ResultList><tt:SearchState>${state}</tt:SearchState>${list.join('')}</tse:ResultList></tse:GetRecordingSearchResultsResponse>`);

async function recorder(own: Readonly<Record<string, string | readonly string[]>>, options: OnvifCameraOptions = {}): Promise<OnvifCamera> {
  const left = new Map(Object.entries({
    GetServices: envelope(`<tds:GetServicesResponse>${SERVICES}</tds:GetServicesResponse>`),
    FindRecordings: envelope('<tse:FindRecordingsResponse xmlns:tse="urn:x"><tse:SearchToken>se&amp;arch</tse:SearchToken></tse:FindRecordingsResponse>'),
    GetReplayUri: envelope('<trp:GetReplayUriResponse xmlns:trp="urn:y"><trp:Uri>rtsp://192.168.0.64:8554/replay?recording=1&amp;x=2</trp:Uri></trp:GetReplayUriResponse>'), ...own,
  }).map(([name, answer]) => [name, typeof answer === 'string' ? answer : [...answer]] as const));
  return startOnvifCamera({ login: 'ws-security', answers: (operation) => { const answer = left.get(operation); return typeof answer === 'string' ? answer : answer?.shift(); }, ...options });
}

async function find(camera: OnvifCamera, from = 0, to = 10): Promise<Recording | undefined | string> {
  const recordings = onvifRecordings(`onvif://admin:secret@127.0.0.1:${camera.port}/`, systemClock, 2_000);
  try {
    return await recordings.find(at(from), at(to), AbortSignal.timeout(10_000));
  } catch (error) {
    if (error instanceof PlatformError) return `${error.code}: ${error.message}`;
    throw error;
  } finally {
    await camera.close();
  }
}

test('finds the recording of the source that is played, and where the device replays it, at the host that was asked', async () => {
  const camera = await recorder({ GetRecordingSearchResults: [results('Searching'), results('Searching', information('rec-other', 'source_2', -1000, 1000)), results('Completed', information('rec-1', 'urn:sources/source_1', -1000, 5))] });
  const found = await find(camera);
  assert.equal(found, { uri: 'rtsp://127.0.0.1:8554/replay?recording=1&x=2', login: { user: 'admin', password: 'secret' }, clockOffsetMicros: (found as Recording).clockOffsetMicros });
  assert.ok(Math.abs((found as Recording).clockOffsetMicros ?? NaN) < 3e6);
  assert.match(camera.requests.find(({ operation }) => operation === 'GetReplayUri')!.body, /<RecordingToken>rec-1<\/RecordingToken>/);
  const search = camera.requests.filter(({ operation }) => operation === 'GetRecordingSearchResults');
  assert.equal([search.length, search[0]?.path, /se&#38;arch/.test(search[0]!.body)], [3, '/onvif/search', true]);
});

test('a device without recordings, and one that only says it has some, are told apart from those that fail', async () => {
  assert.match(await find(await startOnvifCamera({ login: 'none' })) as string, /^MEDIA_UNSUPPORTED: .*no recordings to replay/);
  const refusing = await recorder({ FindRecordings: '' }, { answers: (operation) => (operation === 'GetServices' ? envelope(`<tds:GetServicesResponse>${SERVICES}</tds:GetServicesResponse>`) : undefined) });
  assert.match(await find(refusing) as string, /^MEDIA_UNSUPPORTED: .*refuses them/);
  const wrong = await recorder({}, { password: 'other' });
  assert.match(await find(wrong) as string, /^SOURCE_REFUSED/);
  const senseless = await recorder({ FindRecordings: envelope('<x/>') });
  assert.match(await find(senseless) as string, /^ONVIF_INVALID: .*without a token/);
  const endless = await recorder({ GetRecordingSearchResults: results('Searching') });
  assert.is(await find(endless), undefined, 'it is asked so often and no more');
  assert.is(endless.requests.filter(({ operation }) => operation === 'GetRecordingSearchResults').length, 16);
});

test('nothing of that time is nothing', async () => {
  assert.is(await find(await recorder({ GetRecordingSearchResults: results('Completed', information('rec-1', 'source_1', 5000, 6000)) })), undefined);
  assert.is(await find(await recorder({ GetRecordingSearchResults: results('Completed') })), undefined);
});

const described = (token: string, sourceId: string, from: number, to: number): RecordingDescription => ({ token, sourceId, fromMs: T0 + from * 1000, toMs: T0 + to * 1000 });
const wanted = (sourceToken: string | undefined): Parameters<typeof chooseRecording>[1] => ({ sourceToken, fromMs: T0, toMs: T0 + 100_000, label: 'd' });

test('of several recordings of a source, the one that holds most; of several sources without the camera\'s, none', () => {
  const list = [described('a', 'x/7', -1e5, 20), described('b', 'x/7', 10, 1e5), described('c', 'x/77', -1e6, 1e6)];
  assert.is(chooseRecording(list, wanted('7'))?.token, 'b');
  assert.throws(() => chooseRecording(list, wanted('8')), /does not tell which/);
  assert.throws(() => chooseRecording(list, wanted(undefined)), /does not tell which/);
  assert.is(chooseRecording([described('a', '', -1e6, 1e6)], wanted('8'))?.token, 'a', 'a camera with one source');
  assert.is(chooseRecording([], wanted('8')), undefined);
  assert.is(chooseRecording([described('a', '', -1e6, -30)], wanted('8'))?.token, 'a', 'what it records now is told late');
});

test('answers without times, tracks or tokens are read as far as they say something', () => {
  const read = (body: string): unknown => readRecordings(parseXml(`<r><ResultList>${body}</ResultList></r>`));
  assert.equal(read('<SearchState>Completed</SearchState><RecordingInformation><RecordingToken>a</RecordingToken></RecordingInformation><RecordingInformation/>'), { isComplete: true, recordings: [{ token: 'a', sourceId: '', fromMs: -Infinity, toMs: Infinity }] });
  assert.equal(read('<RecordingInformation><RecordingToken>a</RecordingToken><Track><TrackType>Audio</TrackType></Track></RecordingInformation>'), { isComplete: true, recordings: [] });
  assert.equal(read('<SearchState>Queued</SearchState>'), { isComplete: false, recordings: [] });
  assert.equal(readRecordings(parseXml('<x/>')), { isComplete: true, recordings: [] });
});

test.run();
