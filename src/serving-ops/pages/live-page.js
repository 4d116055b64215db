// The page of one camera.
import { BoxShelf } from './live-boxes.js';
import { canDecode, CodecPlayer } from './codec-player.js';
import { bearer, openLink, pageToken } from './live-link.js';
import { canPlay, MediaPlayer } from './media-player.js';

const STILL_EVERY_MS = 1_000;
const EARLY_MAX = 2_000;
const FIGURES_EVERY_MS = 1_000;

const camera = decodeURIComponent(location.pathname.split('/').filter(part => part !== '').at(-1));
const token = pageToken();
const part = id => document.getElementById(id);
const shelf = new BoxShelf();
const stage = part('stage');
let player;
let link;
let stills;
let shownBefore = 0;
let latest;
/** Pictures that came while their decoder was being made ready. */
let early;

document.title = camera;
part('name').textContent = camera;

function say(text, kind) {
  part('state').textContent = text;
  part('state').dataset.kind = kind;
}

/** Each picture on the screen, for this page and for tests: `frame` events of the stage. */
function onShown({ head, record, delayMs }) {
  const shownAt = performance.timeOrigin + performance.now();
  latest = { head, record, shownAt };
  if (part('state').dataset.kind !== 'live') say('live', 'live');
  stage.dispatchEvent(new CustomEvent('frame', { detail: { epoch: head.epoch, frameSeq: head.frameSeq, pts: head.pts, capturedAt: head.capturedAt, arrivedAt: head.arrivedAt, shownAt, delayMs, boxes: record?.boxes } }));
}

function show(kind) {
  player?.close();
  clearInterval(stills);
  const Player = kind === 'units' ? CodecPlayer : MediaPlayer;
  player = new Player({ shelf, onShown, onFail: error => { say(error.message, 'bad'); reopen(kind); } });
  stage.replaceChildren(player.element);
}

/** Begins anew after a decoder gave up. */
function reopen(kind) {
  link?.close();
  setTimeout(() => open(kind), 500);
}

/** Where the browser has no decoder for the camera's codec: a picture a second. */
function showStills(codec) {
  link?.close();
  player?.close();
  player = undefined;
  const image = document.createElement('img');
  image.alt = '';
  stage.replaceChildren(image);
  say(`${codec}: a picture a second`, 'wait');
  const next = async () => {
    const answer = await fetch(`/api/v1/cameras/${encodeURIComponent(camera)}/snapshot.jpg`, { headers: bearer(token) }).catch(() => undefined);
    if (answer?.ok !== true) return;
    const before = image.src;
    image.src = URL.createObjectURL(await answer.blob());
    if (before !== '') URL.revokeObjectURL(before);
  };
  stills = setInterval(() => { void next(); }, STILL_EVERY_MS);
  void next();
}

function open(kind) {
  show(kind);
  shelf.clear();
  link = openLink({
    camera, token, format: kind,
    on: {
      start: message => { void begin(message, kind); },
      picture: head => { if (early === undefined) player?.picture(head); else if (early.length < EARLY_MAX) early.push(head); },
      record: message => shelf.put(message),
      gap: message => player?.gap(message),
      state: say,
    },
  });
}

async function begin(message, kind) {
  const mine = [];
  early = mine;
  const { codec, codecName, mime, width, height } = message;
  part('picture').textContent = `${width}×${height} ${codecName}`;
  if (width > 0 && height > 0) stage.style.aspectRatio = `${width} / ${height}`;
  if (codecName === 'mjpeg') {
    if (kind === 'fmp4') { link.close(); open('units'); return; }
  } else if (kind === 'units') {
    const { supported } = codec === null ? { supported: false } : await VideoDecoder.isConfigSupported({ codec }).catch(() => ({ supported: false }));
    if (!supported) { showStills(codecName); return; }
  } else if (!canPlay(mime)) { showStills(codecName); return; }
  await player?.start(message);
  if (early !== mine) return; // the stream changed again meanwhile
  early = undefined;
  for (const head of mine) player?.picture(head);
}

setInterval(() => {
  const shown = player?.counts.shown ?? 0;
  part('fps').textContent = String(Math.max(0, shown - shownBefore));
  shownBefore = shown;
  if (latest === undefined) return;
  const { head, record, shownAt } = latest;
  // A file's event time is its own; clocks of machines differ.
  const latencyMs = [head.capturedAt, head.arrivedAt].map(micros => shownAt - micros / 1_000).find(ms => ms > -1_000 && ms < 60_000);
  part('latency').textContent = latencyMs === undefined ? '–' : `${Math.max(0, Math.round(latencyMs))} ms`;
  part('objects').textContent = record ? String(record.boxes.length) : '–';
  if (record) part('model').textContent = record.model;
}, FIGURES_EVERY_MS);

/** What the camera is at while it sends no pictures. */
setInterval(async () => {
  if (part('state').dataset.kind === 'live' && latest !== undefined && performance.timeOrigin + performance.now() - latest.shownAt < 2_000) return;
  const answer = await fetch(`/api/v1/cameras/${encodeURIComponent(camera)}`, { headers: bearer(token) }).catch(() => undefined);
  if (answer?.ok !== true) return;
  const { state, lastError } = await answer.json();
  if (state !== 'live') say(lastError === undefined ? state : `${state}: ${lastError.code}`, 'wait');
}, 2_000);

open(canDecode() && location.hash !== '#mse' ? 'units' : 'fmp4');
