/** What the stage host or supervisor does about an error. */
export type Fate =
  /** Transient: the same work is tried again after a back-off. */
  | 'retry'
  /** The record is bad: it is counted, reported and left behind. */
  | 'skip'
  /** The actor's state is suspect: a new generation of it is started. */
  | 'restart'
  /** Nobody can mend it while running: the actor ends and says why. */
  | 'stop';

/** One row of the error table. */
export interface ErrorRow {
  readonly fate: Fate;
  /** HTTP status when the error answers a request. */
  readonly http: number;
  /** gRPC status name when the error answers a call. */
  readonly grpc: string;
  /** What the reader should do: one or two sentences. */
  readonly help: string;
}

/** Every error this platform raises by name. Documented in README (checked by test/architecture). */
export const ERRORS = {
  CONFIG_INVALID: { fate: 'stop', http: 400, grpc: 'INVALID_ARGUMENT', help: 'Correct the named key; config/default.toml lists every key with its meaning.' },
  NODE_TOO_OLD: { fate: 'stop', http: 500, grpc: 'FAILED_PRECONDITION', help: 'Run it with a newer Node (nodejs.org); in a clone `npm start` brings its own.' },
  PLUGIN_UNKNOWN: { fate: 'stop', http: 400, grpc: 'INVALID_ARGUMENT', help: 'Use one of the known names in the message.' },
  SOURCE_UNREACHABLE: { fate: 'retry', http: 502, grpc: 'UNAVAILABLE', help: 'Check that the camera is powered and that host and port are reachable from here; the source is tried again with back-off.' },
  SOURCE_REFUSED: { fate: 'retry', http: 502, grpc: 'PERMISSION_DENIED', help: 'Check user, password and path of the camera URL.' },
  SOURCE_STALLED: { fate: 'retry', http: 504, grpc: 'UNAVAILABLE', help: 'The camera stopped sending; the session is closed and opened again.' },
  SOURCE_REPLACED: { fate: 'retry', http: 503, grpc: 'UNAVAILABLE', help: 'Nothing needs to be done: a better source of the camera is there again and takes over.' },
  SOURCE_NOT_FOUND: { fate: 'stop', http: 404, grpc: 'NOT_FOUND', help: 'Check the path of the file or folder.' },
  ONVIF_INVALID: { fate: 'retry', http: 502, grpc: 'FAILED_PRECONDITION', help: 'What answers there speaks no ONVIF, or not as this version reads it: check host and port, and that ONVIF is switched on in the camera.' },
  ONVIF_REFUSED: { fate: 'retry', http: 502, grpc: 'FAILED_PRECONDITION', help: 'The camera refused the request for the reason named; check the rights of its ONVIF user.' },
  ONVIF_UNSUPPORTED: { fate: 'retry', http: 501, grpc: 'UNIMPLEMENTED', help: 'The camera does not offer this over ONVIF; give its rtsp:// URL where it is about the stream.' },
  PTZ_UNSUPPORTED: { fate: 'skip', http: 501, grpc: 'UNIMPLEMENTED', help: 'Only a camera that is added as onvif:// and can turn takes this; it may know other moves than the one asked for.' },
  DISCOVERY_FAILED: { fate: 'skip', http: 503, grpc: 'UNAVAILABLE', help: 'Cameras are found by multicast (UDP 239.255.255.250:3702), which containers and routers do not pass on: run vto on the network of the cameras, or add them by address.' },
  PROFILE_UNKNOWN: { fate: 'retry', http: 404, grpc: 'NOT_FOUND', help: 'Use one of the profiles in the message: ?profile=main, sub or a token.' },
  MEDIA_INVALID: { fate: 'stop', http: 422, grpc: 'INVALID_ARGUMENT', help: 'The bytes are no media that this build can read; try them with ffprobe.' },
  MEDIA_UNSUPPORTED: { fate: 'stop', http: 415, grpc: 'UNIMPLEMENTED', help: 'Use a codec that `vto doctor` lists.' },
  MEDIA_CORRUPT: { fate: 'skip', http: 422, grpc: 'DATA_LOSS', help: 'Damaged access units are counted as undecodable; the rest goes on.' },
  MODEL_INVALID: { fate: 'stop', http: 422, grpc: 'INVALID_ARGUMENT', help: 'Check the ONNX file with `vto models inspect FILE`.' },
  MODEL_FAMILY_UNKNOWN: { fate: 'stop', http: 422, grpc: 'INVALID_ARGUMENT', help: 'Name the family of the model with --family; `vto models inspect FILE` says which it may be.' },
  MODEL_UNKNOWN: { fate: 'skip', http: 404, grpc: 'NOT_FOUND', help: 'List the models with `vto models list`; add one to the settings as [[models]], or as NAME@VERSION.onnx to the folder models of the data folder.' },
  MODEL_REFUSED: { fate: 'skip', http: 409, grpc: 'FAILED_PRECONDITION', help: 'The model before goes on; the message says what keeps it from being changed here.' },
  PROVIDER_UNAVAILABLE: { fate: 'stop', http: 503, grpc: 'UNAVAILABLE', help: 'The execution provider cannot start on this machine; `vto doctor` says why.' },
  INFERENCE_FAILED: { fate: 'restart', http: 500, grpc: 'INTERNAL', help: 'The model failed on a frame; the vision process is restarted.' },
  DEVICE_FAILED: { fate: 'restart', http: 503, grpc: 'UNAVAILABLE', help: 'The GPU was lost or ran out of memory; the vision process is replaced, and after repeated failures falls back unless modelOps.isStrict. Check nvidia-smi and dmesg.' },
  RASTER_INVALID: { fate: 'skip', http: 422, grpc: 'INVALID_ARGUMENT', help: 'Give the encoder pictures of the modality, size and kind of samples that the message names.' },
  STORE_FAILED: { fate: 'restart', http: 500, grpc: 'INTERNAL', help: 'The database could not be read or written; check disk space and permissions of the data folder.' },
  STORE_LOCKED: { fate: 'stop', http: 409, grpc: 'FAILED_PRECONDITION', help: 'Another vto runs on this data folder; stop it or give --data another folder.' },
  RECORDING_FAILED: { fate: 'restart', http: 500, grpc: 'INTERNAL', help: 'A chunk could not be written; check disk space and permissions of the data folder.' },
  CHUNK_CORRUPT: { fate: 'skip', http: 500, grpc: 'DATA_LOSS', help: 'The recorded chunk differs from its manifest; `vto verify` names the file.' },
  PORT_CLOSED: { fate: 'retry', http: 503, grpc: 'UNAVAILABLE', help: 'The other side of a link went away; the link is opened again.' },
  LINK_INVALID: { fate: 'restart', http: 500, grpc: 'INTERNAL', help: 'Bytes on an internal link do not follow its format; both sides must be of one version.' },
  KAFKA_UNAVAILABLE: { fate: 'retry', http: 503, grpc: 'UNAVAILABLE', help: 'Check kafka.brokers and that the brokers run; it is tried again, and cameras are recorded meanwhile.' },
  KAFKA_REFUSED: { fate: 'stop', http: 502, grpc: 'PERMISSION_DENIED', help: 'The broker forbids it: check credentials and ACLs, or have the topics made by who may; the message names them.' },
  KAFKA_FENCED: { fate: 'restart', http: 503, grpc: 'ABORTED', help: 'Another node took this partition over while this one was away; it starts over with what it is assigned now.' },
  TOPIC_UNFIT: { fate: 'stop', http: 500, grpc: 'FAILED_PRECONDITION', help: 'All topics of vto need one number of partitions: delete the topic or set kafka.partitions to what it has.' },
  RECORD_INVALID: { fate: 'skip', http: 422, grpc: 'INVALID_ARGUMENT', help: 'The record goes to vto.dead-letters; `vto dead-letters list` shows it.' },
  SCHEMA_UNKNOWN: { fate: 'skip', http: 422, grpc: 'FAILED_PRECONDITION', help: 'The writer uses a schema this version does not know: upgrade readers before writers, or set kafka.schemaRegistryUrl on both.' },
  REGISTRY_UNAVAILABLE: { fate: 'retry', http: 503, grpc: 'UNAVAILABLE', help: 'Check kafka.schemaRegistryUrl and that the Schema Registry runs; it is tried again.' },
  REGISTRY_REFUSED: { fate: 'stop', http: 502, grpc: 'PERMISSION_DENIED', help: 'Check the credentials in kafka.schemaRegistryUrl and what the registry already holds under the subject named; or leave kafka.schemaRegistryUrl empty.' },
  BASE_MISSING: { fate: 'skip', http: 422, grpc: 'DATA_LOSS', help: 'The picture that a feature differs from was not read: its frame ends as undecodable, and so do those up to the next whole picture.' },
  STALLED: { fate: 'restart', http: 500, grpc: 'INTERNAL', help: 'An actor made no progress within its limit and was restarted.' },
  PROCESS_EXITED: { fate: 'restart', http: 500, grpc: 'INTERNAL', help: 'A child process ended on its own and was started again; its last log lines say why.' },
  CAMERA_UNKNOWN: { fate: 'skip', http: 404, grpc: 'NOT_FOUND', help: 'List the cameras with GET /api/v1/cameras.' },
  CAMERA_ELSEWHERE: { fate: 'skip', http: 421, grpc: 'FAILED_PRECONDITION', help: 'Ask the node of the cluster that runs the camera: live pictures, WebRTC and PTZ are served where it is.' },
  CAMERA_EXISTS: { fate: 'skip', http: 409, grpc: 'ALREADY_EXISTS', help: 'Remove the camera first or choose another id.' },
  REQUEST_INVALID: { fate: 'skip', http: 400, grpc: 'INVALID_ARGUMENT', help: 'Correct the named field of the request.' },
  STREAM_NOT_ALLOWED: { fate: 'skip', http: 403, grpc: 'PERMISSION_DENIED', help: 'Start vto with the --allow-stream flag named in the message, or register the camera.' },
  SDP_INVALID: { fate: 'skip', http: 400, grpc: 'INVALID_ARGUMENT', help: 'Send what createOffer gave, unchanged, as application/sdp; the message says what is wrong with it.' },
  OFFER_REFUSED: { fate: 'skip', http: 422, grpc: 'FAILED_PRECONDITION', help: 'Offer one video as H.264 or VP8, to be sent by you.' },
  PUBLISHER_EXISTS: { fate: 'skip', http: 409, grpc: 'ALREADY_EXISTS', help: 'Somebody publishes to this camera: end that session first, or set webrtc.isTakeoverAllowed.' },
  PUBLISHER_REPLACED: { fate: 'retry', http: 409, grpc: 'ABORTED', help: 'Another publisher took the camera over; webrtc.isTakeoverAllowed = false refuses the second one instead.' },
  PUBLISHING_UNKNOWN: { fate: 'skip', http: 404, grpc: 'NOT_FOUND', help: 'The session is over: send a new offer with POST /whip/CAMERA.' },
  PUBLISHING_REFUSED: { fate: 'skip', http: 409, grpc: 'FAILED_PRECONDITION', help: 'Give the camera the uri whip:// to publish to it.' },
  ENTITY_TAG_MISSING: { fate: 'skip', http: 428, grpc: 'FAILED_PRECONDITION', help: 'Send the entity tag of the last answer as If-Match.' },
  ENTITY_TAG_STALE: { fate: 'skip', http: 412, grpc: 'ABORTED', help: 'ICE was restarted meanwhile: send the entity tag of the last answer as If-Match.' },
  MEDIA_TYPE_REFUSED: { fate: 'skip', http: 415, grpc: 'INVALID_ARGUMENT', help: 'Send the body as the type that the Accept-Post or Accept-Patch header names.' },
  NOT_ACCEPTABLE: { fate: 'skip', http: 406, grpc: 'FAILED_PRECONDITION', help: 'Accept application/sdp: the answer is nothing else.' },
  OVERLOADED: { fate: 'retry', http: 429, grpc: 'RESOURCE_EXHAUSTED', help: 'Too many requests or streams are open; try again later.' },
  READER_SLOW: { fate: 'skip', http: 503, grpc: 'RESOURCE_EXHAUSTED', help: 'The client read too slowly and was disconnected; reconnect with ?after= to go on.' },
  ROLE_ABSENT: { fate: 'skip', http: 421, grpc: 'FAILED_PRECONDITION', help: 'Ask a node of the cluster that has the role named in the message.' },
  ROUTE_UNKNOWN: { fate: 'skip', http: 404, grpc: 'UNIMPLEMENTED', help: 'GET / lists the endpoints.' },
  METHOD_REFUSED: { fate: 'skip', http: 405, grpc: 'UNIMPLEMENTED', help: 'Use a method that the Allow header names.' },
  FFMPEG_MISSING: { fate: 'stop', http: 503, grpc: 'UNAVAILABLE', help: 'Install ffmpeg where vto runs, so that PATH names it (Debian: apt-get install ffmpeg): pictures for JSMpeg players are made by it. Everything else goes on without.' },
  UPGRADE_NEEDED: { fate: 'skip', http: 426, grpc: 'UNIMPLEMENTED', help: 'Open the path as a WebSocket (ws:// or wss://).' },
  REQUEST_TOO_LARGE: { fate: 'skip', http: 413, grpc: 'RESOURCE_EXHAUSTED', help: 'Send less: bodies and headers of this API are small.' },
  UNAUTHORIZED: { fate: 'skip', http: 401, grpc: 'UNAUTHENTICATED', help: 'Send one of serving.tokens as `Authorization: Bearer TOKEN`; WebSockets and media elements may name it access_token in the query.' },
  HOST_REFUSED: { fate: 'skip', http: 421, grpc: 'PERMISSION_DENIED', help: 'Call the address vto listens on; --host opens it to other machines.' },
  ORIGIN_REFUSED: { fate: 'skip', http: 403, grpc: 'PERMISSION_DENIED', help: 'Web pages of other origins may not call this API; call it from a server or the command line.' },
  TIMED_OUT: { fate: 'retry', http: 504, grpc: 'DEADLINE_EXCEEDED', help: 'A part of vto did not answer in time; GET /readyz shows which. Try again.' },
  SHUTTING_DOWN: { fate: 'retry', http: 503, grpc: 'UNAVAILABLE', help: 'vto is stopping; connect again when it is back, streams go on with ?after=.' },
} as const satisfies Record<string, ErrorRow>;

/** Name of a row of the error table. */
export type ErrorCode = keyof typeof ERRORS;

/** Facts that belong to an error: small values, never credentials or payloads. */
export type Facts = Readonly<Record<string, string | number | boolean | undefined>>;

/** The one error this platform throws. `message` says what happened, with the values; the table's `help` says what to do. */
export class PlatformError extends Error {
  readonly code: ErrorCode;
  readonly facts: Facts;

  constructor(code: ErrorCode, message: string, facts: Facts = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'PlatformError';
    this.code = code;
    this.facts = facts;
  }

  get fate(): Fate { return ERRORS[this.code].fate; }
  get help(): string { return ERRORS[this.code].help; }
}

/** The fate of anything thrown: an error that is not ours means `restart`. */
export function fateOf(error: unknown): Fate {
  return error instanceof PlatformError ? error.fate : 'restart';
}

/** A plain form of any error that survives a process boundary. */
export interface ErrorReport { readonly code: ErrorCode | 'UNEXPECTED'; readonly message: string; readonly facts: Facts }

/** Turns anything thrown into its plain form. */
export function reportError(error: unknown): ErrorReport {
  if (error instanceof PlatformError) return { code: error.code, message: error.message, facts: error.facts };
  return { code: 'UNEXPECTED', message: error instanceof Error ? error.message : String(error), facts: {} };
}

/** Rebuilds an error from its plain form. */
export function reviveError(report: ErrorReport): Error {
  return report.code === 'UNEXPECTED' ? new Error(report.message) : new PlatformError(report.code, report.message, report.facts);
}
