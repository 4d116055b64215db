import { z } from 'zod';
import { BYTE_SIZE, parseByteSize } from './byte-size.ts';

const milliseconds = (min: number): z.ZodInt => z.int().min(min).max(86_400_000);
const byteSize = (): z.ZodType<number, string | number> => z.union([z.int().min(0), z.string().regex(BYTE_SIZE, 'expected bytes like "20GB" or "500MiB"')])
  .transform((size) => (typeof size === 'number' ? size : parseByteSize(size)));

const encoderName = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'expected the name of an encoder');

/** An encoder that a camera wants: its name, or a table of its name and options. */
export const encoder = z.union([encoderName, z.looseObject({ name: encoderName })], { error: 'expected the name of an encoder, or { name, and its options }' });

const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

const camera = z.strictObject({
  id: z.string().regex(NAME, 'expected 1 to 63 of a-z 0-9 - _, starting with a letter or digit').describe('Name of the camera: 1 to 63 of `a-z 0-9 - _`, starting with a letter or digit.').meta({ examples: ['dock-2'] }),
  uri: z.string().min(1).describe('Where its pictures come from: an rtsp:// or onvif:// address, a file or a folder of pictures.').meta({ examples: ['rtsp://user:password@10.0.0.12/stream1'] }),
  fallbacks: z.array(z.string().min(1)).max(8).default([]).describe('Further sources in order of preference, for when `uri` fails: a sub-stream, a second camera, a file.').meta({ examples: [['rtsp://user:password@10.0.0.12/stream2', 'please-stand-by.mp4']] }),
  standby: z.enum(['cold', 'warm']).default('cold').describe('How the next source waits: `cold`, opened when it is needed, or `warm`, kept connected, so that it takes over within a GOP.'),
  restoreAfterMs: milliseconds(0).default(10_000).describe('A better source must have been stable for so long before it is returned to.'),
  replay: z.string().regex(/^rtsps?:\/\//i, 'expected an rtsp:// or rtsps:// address').optional().describe('Where the camera replays what it recorded itself (ONVIF Profile G), to fill gaps from. Absent: an onvif:// camera is asked for it, others have none.').meta({ examples: ['rtsp://user:password@10.0.0.12/replay'] }),
  maxFps: z.number().min(0).max(1000).optional().describe('At most so many frames a second are detected on; all are recorded. 0: every frame. Absent: `ingress.maxFps`.').meta({ examples: [10] }),
  tracker: z.string().min(1).optional().describe('Follows its objects: `byte-track`, or `none`. Absent: `vision.tracker`. In a cluster, of the settings of the node that detects.').meta({ examples: ['byte-track'] }),
  isDetecting: z.boolean().default(true).describe('False: the camera is recorded only.'),
  isLooping: z.boolean().default(false).describe('True: a file starts again at its end.'),
  tenant: z.string().regex(NAME, 'expected 1 to 63 of a-z 0-9 - _, starting with a letter or digit').default('default').describe('Whose camera it is: tenants share the time for detection when there is not enough for all.').meta({ examples: ['harbour'] }),
  priority: z.number().min(0.01).max(100).optional().describe('Share of the time for detection when there is not enough for all cameras of a tenant: one with 2 gets twice as much as one with 1, which is what absent means.').meta({ examples: [2] }),
  gate: z.enum(['auto', 'off']).optional().describe('Activity gate of this camera. Absent: `vision.gate`.').meta({ examples: ['off'] }),
  fps: z.number().positive().max(1000).optional().describe('Pictures a second of a folder of pictures. Absent: 1.').meta({ examples: [2] }),
  encoders: z.array(encoder).max(16).default([]).describe('Features that are computed of every frame that is detected on: names of encoders, or tables of a name and its options.').meta({ examples: [['hog', { name: 'lbp', columns: 8 }]] }),
  modality: z.enum(['auto', 'rgb', 'depth', 'thermal']).default('auto').describe('What its pictures show. `auto`: as they say themselves: 16-bit grey PNG is depth, FLIR records and radiometric JPEG are thermal, anything else is rgb.'),
  metresPerStep: z.number().positive().max(1000).optional().describe('Metres of one step of 16-bit depth; 0 is no reading. Absent: 0.001, millimetres; TUM RGB-D: 0.0002.').meta({ examples: [0.0002] }),
  kelvinPerStep: z.number().positive().max(1000).optional().describe('Kelvin of one step of 16-bit thermal pictures that carry no constants: 0.04 or 0.4 for FLIR TLinear, 0.01 for Lepton. Absent: they are counts.').meta({ examples: [0.04] }),
  range: z.tuple([z.number(), z.number()]).refine(([black, white]) => white > black, 'expected [black, white] with black < white').optional()
    .describe('What black and white stand for where 16-bit samples are shown in 8 bits, as to detectors: metres of depth, degrees Celsius, or steps of uncalibrated pictures. Absent: 0 to 10 m, -20 to 60 degrees, or all steps.').meta({ examples: [[0.5, 4]] }),
});

const tenant = z.strictObject({
  name: z.string().regex(NAME, 'expected 1 to 63 of a-z 0-9 - _, starting with a letter or digit').describe('Name of the tenant, as its cameras have it.').meta({ examples: ['harbour'] }),
  share: z.number().min(0.01).max(100).default(1).describe('Its share of the time for detection when there is not enough for all, however many cameras it has: one with 2 gets twice as much as one with 1.'),
});

const inputSize = z.array(z.int().min(1).max(8192)).max(2).refine((size) => size.length !== 1, 'expected width and height, or neither').default([])
  .describe('Width and height of the model\'s picture where its file leaves them open; empty: those of its family.');

const model = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'expected 1 to 63 of a-z 0-9 . - _, starting with a letter or digit').describe('Name of the model.').meta({ examples: ['yolox-tiny'] }),
  version: z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9.+_-]{0,31}$/, 'expected 1 to 32 of a-z A-Z 0-9 . + - _, starting with a letter or digit').describe('Its version: `name@version` is what `vto models use` takes.').meta({ examples: ['1.0.0'] }),
  path: z.string().min(1).describe('Its ONNX file, on every node that detects.').meta({ examples: ['models/yolox_tiny.onnx'] }),
  family: z.string().min(1).default('auto').describe('Family of the model, or `auto` to tell it from the file.'),
  inputSize,
  labels: z.array(z.string()).default([]).describe('Class names in the order of the model\'s output; empty: those of the model or its family.'),
  scoreMin: z.number().min(0).max(1).optional().describe('Boxes with a lower score are left out. Absent: `modelOps.scoreMin`.').meta({ examples: [0.3] }),
  iouMax: z.number().min(0).max(1).optional().describe('Of two boxes of a class that overlap more than this the better stays. Absent: `modelOps.iouMax`.').meta({ examples: [0.45] }),
});

const ingress = z.strictObject({
  maxFps: z.number().min(0).max(1000).default(0).describe('At most so many frames a second of each camera are detected on; all are recorded. 0: every frame.'),
  stallMs: milliseconds(100).default(1_800).describe('A camera that sends nothing for so long is closed and opened again; raise it for cameras below one picture a second.'),
  connectTimeoutMs: milliseconds(100).default(5_000).describe('A camera that does not answer within this time counts as unreachable.'),
  reconnectBackoffMs: milliseconds(1).default(250).describe('First wait before a camera that answers but gives no pictures is tried again; doubles with each failure. One that does not answer is asked twice a second.'),
  reconnectBackoffMaxMs: milliseconds(1).default(10_000).describe('Longest wait between two tries of a camera that answers; six times as long where it refuses the login, as cameras lock accounts.'),
  backfillMaxMs: milliseconds(0).default(3_600_000).describe('A gap is filled from the recording of the camera, where it has one; of a longer gap, the last part of this length. 0: never.'),
  camerasPerProcess: z.int().min(1).max(256).default(16).describe('Cameras that share one ingest process: more save memory, fewer lose less when one process fails.'),
  threadPoolSize: z.int().min(0).max(1024).default(0).describe('Threads of an ingest process for blocking reads. 0: twice its cameras and their further sources, and four.'),
});

const iceServer = z.strictObject({
  urls: z.string().regex(/^(?:stun|stuns|turn|turns):[^\s<>"]{1,500}$/, 'expected stun:HOST or turn:HOST?transport=udp').describe('Address of the server.').meta({ examples: ['turn:turn.example?transport=udp'] }),
  username: z.string().max(500).optional().describe('User at it.').meta({ examples: ['vto'] }),
  credential: z.string().max(500).optional().describe('Password at it.').meta({ examples: ['secret'] }),
});

const webrtc = z.strictObject({
  portMin: z.int().min(0).max(65_535).default(0).describe('First UDP port that publishers send to; each ingest process takes the first free one and shares it among its publishers. 0: any.'),
  portMax: z.int().min(0).max(65_535).default(0).describe('Last such port. 0: any.'),
  publicAddresses: z.array(z.union([z.ipv4(), z.ipv6()])).max(16).default([]).describe('Addresses that publishers reach this machine by besides its own, as behind address translation.'),
  codecs: z.array(z.enum(['h264', 'vp8'])).min(1).default(['h264', 'vp8']).describe('What publishers may send: the first that one offers is taken.'),
  isTakeoverAllowed: z.boolean().default(true).describe('True: a publisher that connects to a camera takes the place of the one before, as a page that was loaded again. False: it is refused while somebody publishes.'),
  waitMs: milliseconds(0).max(10_000).default(500).describe('A lost packet is asked for again and waited for so long; then its picture is given up.'),
  stallMs: milliseconds(100).default(5_000).describe('A publisher that sends nothing for so long has left.'),
  connectTimeoutMs: milliseconds(100).default(10_000).describe('A publisher must be connected within this time after its offer, and send a key frame within this time after that.'),
  bitrateMax: z.int().min(0).max(1_000_000_000).default(0).describe('Most that a publisher is asked to send, in bits a second. 0: as much as the network takes.'),
  iceServers: z.array(iceServer).max(8).default([]).describe('STUN and TURN servers that publishers are told of: tables of urls, username and credential.'),
  allowOrigins: z.array(z.string().regex(/^(?:\*|https?:\/\/[^\s/]+)$/, 'expected an origin such as https://studio.example, or *')).max(64).default([]).describe('Origins of web pages, other than the server\'s own, that may publish; `*`: any.'),
}).refine(({ portMin, portMax }) => portMin <= portMax && (portMin > 0 || portMax === 0), 'expected portMin and portMax with 1 <= portMin <= portMax, or 0 and 0');

const recording = z.strictObject({
  partMs: milliseconds(10).default(200).describe('Recorded video is flushed to disk this often: the most that a power cut takes.'),
  chunkSeconds: z.number().min(1).max(3600).default(10).describe('A recorded file is closed at the first key frame after this time.'),
  maxBytes: byteSize().prefault('20GB').describe('Room for recorded video of all cameras; the oldest files are deleted beyond it.'),
});

const vision = z.strictObject({
  processes: z.int().min(0).max(256).default(0).describe('Processes that decode and detect. 0: one for each GPU of the pool; else one for each core but one (but more of many), and no more than there are cameras.'),
  batchMax: z.int().min(1).max(256).default(32).describe('At most so many frames of several cameras go through the model at once. How many do is learnt, and is 1 on a processor.'),
  batchWithinMs: milliseconds(0).default(5).describe('So long a frame may wait for others to go through the model with it, where that pays.'),
  decoder: z.enum(['auto', 'software', 'nvdec']).default('auto').describe('What decodes video: `nvdec` is NVIDIA\'s, `auto` takes it when the model runs on such a card. What it cannot decode goes to the processor.'),
  tracker: z.string().min(1).default('none').describe('Follows objects from frame to frame, so that boxes name theirs (`trackId`): `byte-track`, or `none`. Boxes of an object that is followed are kept below `scoreMin` too.'),
  stalenessMs: milliseconds(1).default(100).describe('A live frame that waited longer gives way to a newer one of its camera (dropped as `stale`).'),
  isSplit: z.boolean().default(false).describe('True: nodes with role `featurizer` make features and nodes with role `detector` detect on them, over Kafka. False: a `detector` does both.'),
  splitMaxFps: z.number().min(0.01).max(1000).default(5).describe('When split, at most so many pictures a second of each camera are sent from featurizers to detectors: they take far more room than encoded video.'),
  catchUpMs: milliseconds(-1).default(-1).describe('For so long after a failure, the frames missed meanwhile are caught up with before any counts as stale. -1: 5 s on one machine; in a cluster, as long as chunks stay on Kafka.'),
  gate: z.enum(['auto', 'off']).default('auto').describe('Activity gate. `auto`: while packet sizes and the detector say that nothing is there, only key frames are decoded; the other frames end as `quiet`. `off`: every frame is decoded.'),
  probeHz: z.number().min(0.1).max(1000).default(2).describe('Where the packet sizes of a camera do not tell when something moves, so many frames a second are looked at while nothing is there.'),
  gateHoldMs: milliseconds(0).default(500).describe('For so long after something was last seen or moved every frame is decoded.'),
  maxRewindMs: milliseconds(0).default(10_000).describe('Frames that waited longer than this for a vision process are dropped as `expired`.'),
  maxMemoryBytes: byteSize().prefault(0).describe('A vision process that holds more memory is ended and started again: a model may ask for any amount. 0: half of what the machine or container has, at least 1 GiB.'),
});

const modelOps = z.strictObject({
  model: z.string().min(1).default('motion').describe('Path of an ONNX detector, or `motion` for the built-in one that needs no weights.'),
  family: z.string().min(1).default('auto').describe('Family of the model, or `auto` to tell it from the file.'),
  inputSize,
  labels: z.array(z.string()).default([]).describe('Class names in the order of the model\'s output; empty: those of the model or its family.'),
  scoreMin: z.number().min(0).max(1).default(0.3).describe('Boxes with a lower score are left out.'),
  iouMax: z.number().min(0).max(1).default(0.45).describe('Of two boxes of a class that overlap more than this (intersection over union) the better stays.'),
  providers: z.array(z.string().min(1)).min(1).default(['cpu']).describe('Execution providers in order of preference, such as `cuda` and `cpu`: the first that starts runs the model.'),
  isStrict: z.boolean().default(false).describe('True: only the first of `providers` may run the model; where it does not start, nothing is detected and `/readyz` says so.'),
  gpuPool: z.int().min(0).max(64).default(0).describe('GPUs that vision processes are spread over, one after the other: each process sees only its own, taken from CUDA_VISIBLE_DEVICES where that is set. 0: all use the first.'),
});

const serving = z.strictObject({
  httpHost: z.string().min(1).default('127.0.0.1').describe('Address the HTTP API listens on; 0.0.0.0 opens it to the network: set `tokens` then.'),
  httpPort: z.int().min(0).max(65_535).default(8080).describe('Port of the HTTP API. 0: any free one.'),
  tokens: z.array(z.string().regex(/^[A-Za-z0-9._~+/-]{8,500}=*$/, 'expected 8 to 500 of A-Z a-z 0-9 . _ ~ + / -')).default([]).describe('With any set, every request needs one of them as `Authorization: Bearer TOKEN`, but those for health and metrics. Better in the environment, as VTO__SERVING__TOKENS, than in a file.'),
  allowStreams: z.array(z.string().min(1)).default([]).describe('Patterns of URIs (`*` is any text) that requests may open besides the registered cameras.'),
  maxStreams: z.int().min(1).max(10_000).default(64).describe('Streams that clients may hold open at a time.'),
});

const store = z.strictObject({
  retentionHours: z.number().min(0).max(876_000).default(168).describe('Detections and features are kept this long; the counts of detections stay. 0: for ever.'),
  featuresMaxBytes: byteSize().prefault('2GB').describe('Room for features of all cameras; the oldest are deleted beyond it.'),
});

const utilityOps = z.strictObject({
  logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info').describe('Least severe log lines that are written.'),
  logFormat: z.enum(['auto', 'json', 'pretty']).default('auto').describe('Form of log lines; `auto`: pretty on a terminal, else JSON.'),
});

const kafka = z.strictObject({
  brokers: z.array(z.string().regex(/^[^:/]+:\d+$/, 'expected host:port')).default([]).describe('Addresses (`host:port`) of Kafka brokers to start from. Empty: everything runs on this machine, without Kafka.'),
  topicPrefix: z.string().regex(/^[a-zA-Z0-9._-]{1,100}$/, 'expected 1 to 100 of a-z A-Z 0-9 . _ -').default('vto').describe('What the names of topics, groups and transactional ids begin with: two installations may share a cluster.'),
  delivery: z.enum(['exactly-once', 'at-least-once']).default('exactly-once').describe('How sure detections are: `exactly-once` writes them and positions in transactions, `at-least-once` shows them sooner and repeats some after a crash.'),
  commitIntervalMs: milliseconds(5).default(100).describe('Detections are committed this often.'),
  sessionTimeoutMs: milliseconds(1_000).default(10_000).describe('A node that is not heard of for so long loses its partitions to the others.'),
  partitions: z.int().min(1).max(10_000).default(24).describe('Partitions of every topic when it is made: the most nodes that can share the work. Changing it later needs new topics.'),
  replication: z.int().min(-1).max(16).default(-1).describe('Copies of every partition when a topic is made. -1: the broker\'s default.'),
  chunksRetentionHours: z.number().min(0.01).max(8_760).default(4).describe('How long recorded chunks stay on Kafka: the longest outage of all detectors that loses nothing.'),
  recordsRetentionHours: z.number().min(0.01).max(876_000).default(168).describe('How long detections, events and dead letters stay on Kafka.'),
  maxPartBytes: byteSize().prefault('4MiB').describe('Largest part of a chunk that is written as one record; topics are made with room for it.'),
  compression: z.enum(['none', 'gzip', 'zstd']).default('none').describe('Compression of detections and events. Chunks never are: encoded video does not shrink.'),
  schemaRegistryUrl: z.string().default('').describe('Confluent-compatible Schema Registry; empty: fixed schema ids, which the gateway serves under the registry\'s own paths.'),
  deadLetterTries: z.int().min(1).max(100).default(3).describe('A record that cannot be processed goes to the dead letters after so many tries.'),
  saslMechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).default('scram-sha-512').describe('How to log in at the brokers.'),
  saslUsername: z.string().default('').describe('User at the brokers; empty: no login.'),
  saslPassword: z.string().default('').describe('Password at the brokers; better in the environment, as VTO__KAFKA__SASL_PASSWORD, than in a file.'),
  isTlsEnabled: z.boolean().default(false).describe('True: connections to the brokers are encrypted.'),
  tlsCaFile: z.string().default('').describe('PEM file of the authority that signed the brokers\' certificates; empty: those of the system.'),
  tlsCertFile: z.string().default('').describe('PEM file of our own certificate, where the brokers ask for one.'),
  tlsKeyFile: z.string().default('').describe('PEM file of its key.'),
});

/** What a node of a cluster does. */
export const NODE_ROLES = ['camera', 'recorder', 'featurizer', 'detector', 'gateway'] as const;

/** Every setting, with its range, default and the sentence that config/default.toml shows. */
export const CONFIG_SCHEMA = z.strictObject({
  data: z.string().min(1).default('.vto').describe('Folder for recordings, detections and state; relative to the working directory.'),
  roles: z.array(z.enum(NODE_ROLES)).default([]).describe('What this node does in a cluster. Empty: everything.'),
  kafka: kafka.prefault({}).describe('The link between the nodes of a cluster.'),
  ingress: ingress.prefault({}).describe('Cameras: how they are opened and watched.'),
  webrtc: webrtc.prefault({}).describe('Cameras that somebody publishes to: `whip://`.'),
  recording: recording.prefault({}).describe('The archive: how every received frame is kept.'),
  vision: vision.prefault({}).describe('Vision processes: how frames are decoded and detected on.'),
  modelOps: modelOps.prefault({}).describe('The model.'),
  serving: serving.prefault({}).describe('The HTTP API.'),
  store: store.prefault({}).describe('The database of detections and state.'),
  utilityOps: utilityOps.prefault({}).describe('Logs.'),
  models: z.array(model).default([]).describe('Models that detection can be switched to while it runs: one table each, besides `motion` and files `NAME@VERSION.onnx` in the folder `models` of `data`.'),
  tenants: z.array(tenant).refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'a tenant is named twice').default([]).describe('Tenants that have another share than the others: one table each.'),
  cameras: z.array(camera).default([]).describe('Cameras: one table each. Tables of several files are joined by id.'),
});

type DeepReadonly<Value> = Value extends object ? { readonly [Key in keyof Value]: DeepReadonly<Value[Key]> } : Value;

/** All settings, complete and checked. Sizes are in bytes. Frozen. */
export type Config = DeepReadonly<z.output<typeof CONFIG_SCHEMA>>;

/** Some settings, unchecked, in the form of files and flags. */
export type ConfigInput = DeepReadonly<z.input<typeof CONFIG_SCHEMA>>;

/** A model of the settings. */
export type ModelConfig = Config['models'][number];

/** A camera of the settings. */
export type CameraConfig = Config['cameras'][number];

/** The part of JSON Schema (2020-12) that the settings use. */
export interface SchemaNode {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
}

/** The settings as JSON Schema, as they are written in files. */
export function configJsonSchema(): SchemaNode {
  return z.toJSONSchema(CONFIG_SCHEMA, { io: 'input' }) as SchemaNode;
}
