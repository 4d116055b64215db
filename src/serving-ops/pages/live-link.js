// The link to a camera's live pictures: a WebSocket that is opened again whenever it ends. The format is described in src/messages/live-message.ts.

const VERSION = 1;
const RETRY_MS = 250;
const RETRY_MAX_MS = 5_000;
/** A link that says nothing for so long is taken for dead. */
const SILENT_MS = 15_000;
/** Close codes are 4000 and an HTTP status: with these, asking again changes nothing. */
const FINAL_STATUS = new Set([401, 403, 404, 421]);

/** The token of this page: of its address, from where it is taken away, or of earlier in this tab. */
export function pageToken() {
  const address = new URL(location.href);
  const given = address.searchParams.get('access_token');
  if (given !== null) {
    address.searchParams.delete('access_token');
    history.replaceState(null, '', address);
    sessionStorage.setItem('vto-token', given);
  }
  return sessionStorage.getItem('vto-token') ?? undefined;
}

/** Headers of requests with the token. */
export function bearer(token) {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

/** The path with the token as a query, for what cannot send headers. */
export function withToken(path, token) {
  return token === undefined ? path : `${path}${path.includes('?') ? '&' : '?'}access_token=${encodeURIComponent(token)}`;
}

/** Head and picture of a binary message; undefined of another version. */
export function readMessage(buffer) {
  const view = new DataView(buffer);
  if (buffer.byteLength < 56 || view.getUint8(0) !== VERSION) return undefined;
  const flags = view.getUint8(1);
  return {
    isKey: (flags & 1) !== 0, isCorrupt: (flags & 2) !== 0, isAfterGap: (flags & 4) !== 0, isInit: (flags & 8) !== 0,
    frameSeq: view.getUint32(4, true), epoch: view.getFloat64(8, true), pts: view.getFloat64(16, true), capturedAt: view.getFloat64(24, true),
    arrivedAt: view.getFloat64(32, true), mediaTime: view.getFloat64(40, true), duration: view.getFloat64(48, true),
    bytes: new Uint8Array(buffer, view.getUint16(2, true)),
  };
}

/**
 * Opens the link to a camera. `on`: {start(message), picture(head), record(message), gap(message), state(text, kind)}; kind is 'wait', 'live' or 'bad'.
 * Returns {close()}.
 */
export function openLink({ camera, token, format, on }) {
  let socket;
  let isClosed = false;
  let waitMs = RETRY_MS;
  let timer;
  let watch;

  const again = () => {
    if (isClosed) return;
    timer = setTimeout(connect, waitMs);
    waitMs = Math.min(waitMs * 2, RETRY_MAX_MS);
  };

  const alive = () => {
    clearTimeout(watch);
    watch = setTimeout(() => { if (socket?.readyState === WebSocket.OPEN) on.state('no pictures', 'wait'); }, SILENT_MS);
  };

  const onText = message => {
    switch (message.type) {
      case 'start': on.start(message); break;
      case 'detections': case 'dropped': on.record(message); break;
      case 'gap': on.gap(message); if (message.reason === 'session') on.state('camera lost', 'wait'); break;
      case 'end': on.state(message.problem?.detail ?? 'ended', 'bad'); break;
      default: // of a later version
    }
  };

  const connect = () => {
    const address = new URL(withToken(`/api/v1/cameras/${encodeURIComponent(camera)}/live?format=${format}`, token), location.href);
    address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
    socket = new WebSocket(address);
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => { on.state('waiting for a picture', 'wait'); alive(); };
    socket.onmessage = ({ data }) => {
      alive();
      if (typeof data === 'string') { onText(JSON.parse(data)); return; }
      const head = readMessage(data);
      if (head === undefined) return;
      waitMs = RETRY_MS;
      on.picture(head);
    };
    socket.onclose = ({ code }) => {
      clearTimeout(watch);
      if (isClosed || FINAL_STATUS.has(code - 4_000)) return;
      on.state('connection lost', 'wait');
      again();
    };
  };
  connect();

  return {
    close() {
      isClosed = true;
      clearTimeout(timer);
      clearTimeout(watch);
      socket?.close();
    },
  };
}
