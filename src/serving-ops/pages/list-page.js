// The page with all cameras.
import { bearer, pageToken, withToken } from './live-link.js';

const EVERY_MS = 3_000;
const token = pageToken();
const list = document.getElementById('cameras');
const state = document.getElementById('state');
const shown = new Map();

function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className !== '') made.className = className;
  made.append(...children);
  return made;
}

function entryOf(camera) {
  const image = element('img', '');
  image.alt = '';
  image.addEventListener('error', () => { image.hidden = true; });
  image.addEventListener('load', () => { image.hidden = false; });
  const badge = element('span', 'state');
  const label = element('div', 'label', camera.label);
  const link = element('a', '', element('div', 'picture', image), element('div', 'row', element('strong', '', camera.id), badge), label);
  link.href = `/live/${encodeURIComponent(camera.id)}`;
  // The page of the camera finds the token in this tab; the address needs it only to be answered at all.
  if (token !== undefined) link.href = withToken(link.href, token);
  return { item: element('li', '', link), image, badge };
}

async function refresh() {
  const answer = await fetch('/api/v1/cameras', { headers: bearer(token) }).catch(() => undefined);
  if (answer?.ok !== true) { state.textContent = 'not reachable'; state.dataset.kind = 'bad'; return; }
  const { cameras } = await answer.json();
  state.textContent = `${cameras.filter(camera => camera.state === 'live').length} of ${cameras.length} live`;
  state.dataset.kind = 'live';
  for (const [id, { item }] of shown) if (!cameras.some(camera => camera.id === id)) { item.remove(); shown.delete(id); }
  for (const camera of cameras) {
    if (!shown.has(camera.id)) { shown.set(camera.id, entryOf(camera)); list.append(shown.get(camera.id).item); }
    const { image, badge } = shown.get(camera.id);
    badge.textContent = camera.state === 'live' ? `${Math.round(camera.fps)} fps` : camera.state;
    badge.dataset.kind = camera.state === 'live' ? 'live' : camera.state === 'failed' ? 'bad' : 'wait';
    if (camera.state === 'live' && !document.hidden) void showStill(image, camera.id);
  }
}

/** By request, not by address: what a picture is old is asked for again with its ETag. */
async function showStill(image, id) {
  const answer = await fetch(`/api/v1/cameras/${encodeURIComponent(id)}/snapshot.jpg?width=480`, { headers: bearer(token) }).catch(() => undefined);
  if (answer?.ok !== true) return;
  const before = image.src;
  image.src = URL.createObjectURL(await answer.blob());
  if (before !== '') URL.revokeObjectURL(before);
}

await refresh();
setInterval(() => { void refresh(); }, EVERY_MS);
