/** One endpoint, as `GET /` lists it. */
export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';
  /** `:name` stands for one path segment. */
  readonly path: string;
  readonly summary: string;
}

/** Every endpoint of the gateway. A test compares it with the routes that answer. */
export const ENDPOINTS: readonly Endpoint[] = [
  { method: 'GET', path: '/', summary: 'This list.' },
  { method: 'GET', path: '/api/v1/infer', summary: 'Detections as JSON lines: ?stream=CAMERA-OR-URL &frames=N &after=RECORD-ID &include=dropped; several stream= with &align=MS give groups.' },
  { method: 'GET', path: '/api/v1/cameras', summary: 'All cameras and how they are.' },
  { method: 'POST', path: '/api/v1/cameras', summary: 'Adds a camera: {id, uri, fallbacks?, standby?, restoreAfterMs?, tenant?, priority?, maxFps?, detect?, loop?, encoders?}.' },
  { method: 'GET', path: '/api/v1/cameras/:id', summary: 'One camera.' },
  { method: 'PATCH', path: '/api/v1/cameras/:id', summary: 'Changes it while it runs: a merge patch of what it was added with, null for the default.' },
  { method: 'GET', path: '/api/v1/cameras/:id/features', summary: 'Features of its frames: ?encoder= &from= &to= &after=FEATURE-ID &limit= &values=base64; &format=ndjson streams them as they come.' },
  { method: 'GET', path: '/api/v1/cameras/:id/live', summary: 'Its pictures as they come, encoded, with detections: a WebSocket; ?format=fmp4 for MSE.' },
  { method: 'GET', path: '/api/v1/cameras/:id/live.mp4', summary: 'Its pictures as an MP4 that does not end.' },
  { method: 'GET', path: '/api/v1/cameras/:id/snapshot.jpg', summary: 'Its newest key frame: ?width=.' },
  { method: 'GET', path: '/api/v1/cameras/:id/jsmpeg', summary: 'Its pictures as MPEG-1 for JSMpeg players: a WebSocket; needs ffmpeg.' },
  { method: 'GET', path: '/live', summary: 'Page with the cameras.' },
  { method: 'GET', path: '/live/:id', summary: 'Page that shows a camera with what is detected.' },
  { method: 'GET', path: '/live/:id/jsmpeg', summary: 'Page that shows a camera in old browsers.' },
  { method: 'GET', path: '/live/:id/publish', summary: 'A page that publishes this device\'s camera or screen to a whip:// camera.' },
  { method: 'GET', path: '/api/v1/cameras/:id/ptz', summary: 'Where an onvif:// camera looks, and the presets it knows.' },
  { method: 'POST', path: '/api/v1/cameras/:id/ptz', summary: 'Turns it: one of {move: {pan, tilt, zoom, forMs}}, {absolute}, {relative}, {preset: TOKEN}, {home: true}, {stop: true}; axes are -1 to 1.' },
  { method: 'DELETE', path: '/api/v1/cameras/:id', summary: 'Removes a camera; its recordings stay.' },
  { method: 'GET', path: '/api/v1/discovery', summary: 'Looks for ONVIF cameras on the networks of this machine: ?seconds=3 &interface=NAME; one at a time.' },
  { method: 'GET', path: '/api/v1/encoders', summary: 'Encoders of features, with the options of each.' },
  { method: 'GET', path: '/api/v1/models', summary: 'Models that detection can be switched to.' },
  { method: 'GET', path: '/api/v1/models/active', summary: 'The model that detects, and how a change of it goes.' },
  { method: 'PUT', path: '/api/v1/models/active', summary: 'Switches to another model while running: {model: NAME@VERSION}; 202, and the rest shows with GET.' },
  { method: 'GET', path: '/api/v1/records', summary: 'Terminal records by page: ?camera= &after=RECORD-ID &limit=.' },
  { method: 'GET', path: '/api/v1/events', summary: 'What happened to cameras and processes: ?camera= &limit=.' },
  { method: 'GET', path: '/api/v1/chunks', summary: 'Recorded chunks: ?camera= &from= &to= &limit=.' },
  { method: 'GET', path: '/api/v1/ledger', summary: 'Frames received, detected and dropped, per camera and epoch.' },
  { method: 'GET', path: '/api/v1/lag', summary: 'How far the consumer groups of a cluster are behind, in records and seconds.' },
  { method: 'POST', path: '/whip/:id', summary: 'Publishes to a camera with uri whip:// (WHIP, RFC 9725): an SDP offer; 201 with the answer, and the session as Location.' },
  { method: 'OPTIONS', path: '/whip/:id', summary: 'What pages of other origins may send.' },
  { method: 'PATCH', path: '/whip/:id/:session', summary: 'ICE of a session: candidates, or a restart; with If-Match.' },
  { method: 'DELETE', path: '/whip/:id/:session', summary: 'Ends a session.' },
  { method: 'OPTIONS', path: '/whip/:id/:session', summary: 'What pages of other origins may send.' },
  { method: 'GET', path: '/healthz', summary: '200 while the event loop turns.' },
  { method: 'GET', path: '/readyz', summary: '200 when ready, else 503; the supervision tree: ?format=text for reading.' },
  { method: 'GET', path: '/metrics', summary: 'Prometheus metrics.' },
];

/** Methods that a path takes, of the endpoints given; empty when it is none of them. */
export function methodsOf(path: string, endpoints: readonly Endpoint[]): readonly string[] {
  const wanted = path.split('/');
  const matching = endpoints.filter((endpoint) => {
    const parts = endpoint.path.split('/');
    return parts.length === wanted.length && parts.every((part, index) => part === wanted[index] || (part.startsWith(':') && wanted[index] !== ''));
  });
  return matching.flatMap((endpoint) => (endpoint.method === 'GET' ? ['GET', 'HEAD'] : [endpoint.method]));
}
