// The page that publishes this device's camera or screen to a camera of the platform.
import { bearer, pageToken } from './live-link.js';
import { publish } from './whip.js';

const EVERY_MS = 1_000;
const camera = decodeURIComponent(location.pathname.split('/')[2] ?? '');
const token = pageToken();
const at = (id) => document.getElementById(id);
let session;
let before;

at('name').textContent = camera;
document.title = `${camera}: publish`;

function say(text, kind) {
  at('state').textContent = text;
  at('state').dataset.kind = kind;
}

async function start() {
  const wanted = { video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 25 } } };
  const stream = at('source').value === 'screen' ? await navigator.mediaDevices.getDisplayMedia(wanted) : await navigator.mediaDevices.getUserMedia(wanted);
  at('preview').srcObject = stream;
  try {
    session = await publish(`/whip/${encodeURIComponent(camera)}`, stream, { codec: at('codec').value, headers: bearer(token), onState: showState });
  } catch (error) {
    stopTracks();
    throw error;
  }
  stream.getVideoTracks()[0].addEventListener('ended', () => { void stop(); });
  at('toggle').textContent = 'Stop';
}

function showState(state) {
  if (session === undefined && state !== 'connecting') return;
  say(state === 'connected' ? 'publishing' : state, state === 'connected' ? 'live' : state === 'failed' ? 'bad' : 'wait');
}

function stopTracks() {
  for (const track of at('preview').srcObject?.getTracks() ?? []) track.stop();
  at('preview').srcObject = null;
}

async function stop() {
  const ending = session;
  session = before = undefined;
  stopTracks();
  at('toggle').textContent = 'Publish';
  await ending?.end();
  say('not publishing', 'wait');
}

async function showFigures() {
  if (session === undefined) return;
  for (const report of (await session.peer.getStats()).values()) {
    if (report.type !== 'outbound-rtp' || report.kind !== 'video') continue;
    at('fps').textContent = String(report.framesPerSecond ?? 0);
    at('picture').textContent = report.frameWidth === undefined ? '–' : `${report.frameWidth} × ${report.frameHeight}`;
    at('limit').textContent = report.qualityLimitationReason ?? '–';
    if (before !== undefined) at('rate').textContent = `${Math.round((report.bytesSent - before.bytesSent) * 8 / (report.timestamp - before.timestamp))} kbit/s`;
    before = report;
  }
}

at('settings').addEventListener('submit', (event) => {
  event.preventDefault();
  at('toggle').disabled = true;
  (session === undefined ? start() : stop()).catch((error) => say(error.message, 'bad')).finally(() => { at('toggle').disabled = false; });
});
addEventListener('pagehide', () => { void session?.end(); });
setInterval(() => { void showFigures(); }, EVERY_MS);
if (navigator.mediaDevices === undefined) {
  at('toggle').disabled = true;
  say('needs https, or this machine', 'bad');
}
