/** One flag of a command. */
export interface FlagRow {
  /** `text` and `number` take a value, `switch` takes none. */
  readonly kind: 'text' | 'number' | 'switch';
  /** Name of the value in help text. */
  readonly value?: string;
  /** May be given several times. */
  readonly isRepeatable?: boolean;
  /** Smallest and largest number that is taken. */
  readonly range?: readonly [number, number];
  /** The only texts that are taken. */
  readonly choices?: readonly string[];
  readonly help: string;
}

/** One command of `vto`. */
export interface CommandRow {
  readonly summary: string;
  /** Name and meaning of the one positional argument, if the command takes one. */
  readonly positional?: { readonly name: string; readonly help: string; readonly isRequired: boolean };
  /** The same of a second one, for commands whose first says what to do. */
  readonly operand?: { readonly name: string; readonly help: string; readonly isRequired: boolean };
  readonly flags: Readonly<Record<string, FlagRow>>;
  readonly examples: readonly string[];
}

const config: FlagRow = { kind: 'text', value: 'FILE', isRepeatable: true, help: 'TOML file with settings; a later one wins (keys: config/default.toml)' };
const data: FlagRow = { kind: 'text', value: 'DIR', help: 'folder for recordings, detections and state (default: .vto)' };

const modelFlags = {
  model: { kind: 'text', value: 'FILE', help: 'ONNX detector, or `motion` for the built-in one that needs no weights (default)' },
  family: { kind: 'text', value: 'NAME', help: 'family of the model (default: told from the file)' },
  size: { kind: 'text', value: 'WxH', help: 'picture of a model whose file leaves its size open (default: that of its family)' },
  labels: { kind: 'text', value: 'FILE', help: 'class names of the model, one a line' },
  'score-min': { kind: 'number', value: 'SCORE', range: [0, 1], help: 'leave out boxes with a lower score (default: 0.3)' },
  'iou-max': { kind: 'number', value: 'IOU', range: [0, 1], help: 'of boxes of a class that overlap more keep the best (default: 0.45)' },
  provider: { kind: 'text', value: 'NAME', isRepeatable: true, help: 'execution provider, in order of preference: cpu, cuda, … (default: cpu)' },
} as const satisfies Readonly<Record<string, FlagRow>>;

const kafka: FlagRow = { kind: 'text', value: 'HOST:PORT', isRepeatable: true, help: 'Kafka broker that links the nodes of a cluster (default: none, all on this machine)' };

/** Fields of a camera that have a default, as the API names them. */
export const CAMERA_FIELDS = ['fallbacks', 'standby', 'restoreAfterMs', 'tenant', 'priority', 'maxFps', 'detect', 'loop', 'encoders', 'modality', 'fps', 'metresPerStep', 'kelvinPerStep', 'range'] as const;

const running = {
  url: { kind: 'text', value: 'URL', help: 'API of the running vto (default: http://127.0.0.1:8080)' },
  token: { kind: 'text', value: 'TOKEN', help: 'one of its tokens, where it has any; better in the environment, as VTO_TOKEN' },
} as const satisfies Readonly<Record<string, FlagRow>>;

/** Every command with its flags: parser, help and README come from this table. */
export const COMMANDS = {
  start: {
    summary: 'Record and detect on cameras until told to stop',
    flags: {
      camera: { kind: 'text', value: 'ID=URI', isRepeatable: true, help: 'rtsp:// or onvif:// address, file or folder; without ID= one is made of its name' },
      loop: { kind: 'switch', help: 'start the files given with --camera again at their end' },
      'max-fps': { kind: 'number', value: 'FPS', range: [0, 1000], help: 'detect on at most so many frames a second of each camera (default: 0, all)' },
      ...modelFlags,
      data, config, kafka,
      roles: { kind: 'text', value: 'ROLES', isRepeatable: true, help: 'what this node of a cluster does: camera, recorder, featurizer, detector, gateway (default: all)' },
      host: { kind: 'text', value: 'ADDRESS', help: 'address of the HTTP API (default: 127.0.0.1)' },
      port: { kind: 'number', value: 'PORT', range: [0, 65_535], help: 'port of the HTTP API, 0 for any free one (default: 8080)' },
      'allow-stream': { kind: 'text', value: 'PATTERN', isRepeatable: true, help: 'URIs that requests may open besides the cameras, `*` is any text' },
      'no-table': { kind: 'switch', help: 'no live table; one line every 10 s instead' },
      log: { kind: 'text', value: 'LEVEL', choices: ['debug', 'info', 'warn', 'error', 'silent'], help: 'least severe log lines shown' },
    },
    examples: ['vto start --camera dock=rtsp://user:password@10.0.0.12/stream1', 'vto start --camera clip.mp4 --loop --model yolox.onnx', 'vto start --kafka broker:9092 --roles detector --model yolox.onnx'],
  },
  infer: {
    summary: 'Detect on a file, a folder of pictures or a stream and write the boxes',
    positional: { name: 'INPUT', help: 'video, picture, folder of pictures, or URI', isRequired: true },
    flags: {
      ...modelFlags,
      format: { kind: 'text', value: 'FORMAT', choices: ['ndjson', 'coco', 'mot'], help: 'ndjson: one frame a line; coco: results array; mot: MOTChallenge rows (default: ndjson)' },
      out: { kind: 'text', value: 'FILE', help: 'where to write (default: standard output)' },
      track: { kind: 'switch', help: 'follow objects, so that boxes name theirs (byte-track)' },
      every: { kind: 'number', value: 'N', range: [1, 1_000_000], help: 'detect on every Nth frame only' },
      'max-fps': { kind: 'number', value: 'FPS', range: [0, 1000], help: 'detect on at most so many frames a second of the video\'s own time' },
      modality: { kind: 'text', value: 'NAME', choices: ['auto', 'rgb', 'depth', 'thermal'], help: 'what the pictures show (default: auto, as they say themselves)' },
      range: { kind: 'text', value: 'BLACK,WHITE', help: 'metres, degrees Celsius or counts that a detector sees as black and white (--range=-5,40 where the first is negative)' },
      config,
    },
    examples: ['vto infer street.mp4 --model yolox.onnx > street.ndjson', 'vto infer pictures/ --model yolox.onnx --format coco --out boxes.json'],
  },
  verify: {
    summary: 'Check that every recorded frame is there, unchanged and accounted for',
    flags: {
      data, 'ledger-only': { kind: 'switch', help: 'check the accounts only, not the recorded files' },
      kafka: { ...kafka, help: 'check the topics of a cluster instead: every frame in chunks has one record' }, config,
      wait: { kind: 'number', value: 'SECONDS', range: [0, 86_400], help: 'with --kafka: wait so long for frames that are being worked on (default: 0)' },
      format: { kind: 'text', value: 'FORMAT', choices: ['table', 'json'], help: 'with --kafka: table or json (default: table)' },
    },
    examples: ['vto verify --data /var/lib/vto', 'vto verify --kafka broker:9092 --wait 60'],
  },
  'dead-letters': {
    summary: 'Show the records that a cluster could not process, or write them back to be tried again',
    positional: { name: 'ACTION', help: 'list or retry', isRequired: true },
    flags: {
      kafka, config,
      format: { kind: 'text', value: 'FORMAT', choices: ['table', 'ndjson'], help: 'list: table, or one JSON object a letter (default: table)' },
      max: { kind: 'number', value: 'COUNT', range: [1, 100_000], help: 'list: the newest so many (default: 100)' },
      partition: { kind: 'number', value: 'NUMBER', range: [0, 100_000], help: 'retry: partition of the dead letter, with --offset' },
      offset: { kind: 'number', value: 'NUMBER', range: [0, Number.MAX_SAFE_INTEGER], help: 'retry: its offset' },
      all: { kind: 'switch', help: 'retry: every dead letter that was not retried yet' },
      force: { kind: 'switch', help: 'retry: also those that were retried before' },
    },
    examples: ['vto dead-letters list --kafka broker:9092', 'vto dead-letters retry --kafka broker:9092 --partition 3 --offset 17'],
  },
  models: {
    summary: 'Say what a model file is; list the models of a running vto, and change the one it detects with',
    positional: { name: 'ACTION', help: 'inspect, list or use', isRequired: true },
    operand: { name: 'MODEL', help: 'inspect: ONNX file; use: NAME@VERSION', isRequired: false },
    flags: {
      family: { ...modelFlags.family, help: 'inspect: look at it as a file of this family (default: told from the file)' },
      size: modelFlags.size,
      url: { ...running.url, help: 'list, use: API of the running vto (default: http://127.0.0.1:8080)' },
      token: running.token,
      json: { kind: 'switch', help: 'one JSON object instead of text' },
    },
    examples: ['vto models list', 'vto models use yolox-tiny@1.0.0', 'vto models inspect yolox.onnx', 'vto models inspect rtdetr.onnx --family rt-detr --json'],
  },
  cameras: {
    summary: 'List the cameras of a running vto; add, change and remove them while it works; discover those of the network',
    positional: { name: 'ACTION', help: 'list, show, add, change, remove or discover', isRequired: true },
    operand: { name: 'CAMERA', help: 'add: ID=URI, or a URI or path whose id is made of its name; show, change, remove: its id', isRequired: false },
    flags: {
      id: { kind: 'text', value: 'ID', help: 'add: the id, as before `=`' },
      uri: { kind: 'text', value: 'URI', help: 'change: another source' },
      fallback: { kind: 'text', value: 'URI', isRepeatable: true, help: 'further source for when the first fails, in order of preference' },
      standby: { kind: 'text', value: 'HOW', choices: ['cold', 'warm'], help: 'warm: the next source is kept connected; cold: it is opened when needed' },
      'restore-after-ms': { kind: 'number', value: 'MS', range: [0, 86_400_000], help: 'how long a better source must be stable before it is returned to' },
      tenant: { kind: 'text', value: 'NAME', help: 'whose camera it is: tenants share the time for detection' },
      priority: { kind: 'number', value: 'SHARE', range: [0.01, 100], help: 'share among the cameras of its tenant' },
      'max-fps': { kind: 'number', value: 'FPS', range: [0, 1000], help: 'detect on at most so many frames a second, 0 for all' },
      detect: { kind: 'text', value: 'YES-OR-NO', choices: ['yes', 'no'], help: 'no: the camera is recorded only' },
      loop: { kind: 'text', value: 'YES-OR-NO', choices: ['yes', 'no'], help: 'yes: a file starts again at its end' },
      modality: { kind: 'text', value: 'NAME', choices: ['auto', 'rgb', 'depth', 'thermal'], help: 'what its pictures show' },
      encoders: { kind: 'text', value: 'NAMES', isRepeatable: true, help: 'features to compute of its frames' },
      default: { kind: 'text', value: 'FIELD', isRepeatable: true, choices: CAMERA_FIELDS, help: 'change: field of the API that goes back to its default' },
      seconds: { kind: 'number', value: 'SECONDS', range: [1, 60], help: 'discover: how long answers are waited for (default: 3)' },
      interface: { kind: 'text', value: 'NAME', help: 'discover: the one network interface to ask on (default: all)' },
      url: running.url, token: running.token,
      json: { kind: 'switch', help: 'JSON instead of text' },
    },
    examples: ['vto cameras discover', 'vto cameras add onvif://user:password@10.0.0.12/?profile=sub --id gate', 'vto cameras add dock=rtsp://user:password@10.0.0.12/stream1 --fallback rtsp://user:password@10.0.0.12/stream2', 'vto cameras change dock --max-fps 5 --default priority', 'vto cameras list --url http://10.0.0.5:8080'],
  },
  doctor: {
    summary: 'Say what this machine can do, and the cluster: codecs, execution providers, model, Kafka',
    flags: { model: modelFlags.model, family: modelFlags.family, size: modelFlags.size, labels: modelFlags.labels, provider: modelFlags.provider, config, kafka },
    examples: ['vto doctor --model yolox.onnx', 'vto doctor --config config/cluster.toml'],
  },
  help: { summary: 'Show this text, or that of a command', positional: { name: 'COMMAND', help: 'command to explain', isRequired: false }, flags: {}, examples: [] },
  version: { summary: 'Show the version', flags: {}, examples: [] },
} as const satisfies Readonly<Record<string, CommandRow>>;

/** Name of a command. */
export type CommandName = keyof typeof COMMANDS;
