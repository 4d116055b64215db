import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { parseArguments, userFolder, type Invocation } from '../../src/cli/arguments.ts';
import { parseCamera } from '../../src/cli/parse-camera.ts';
import { COMMANDS } from '../../src/cli/flags.ts';
import { renderCommandHelp, renderHelp } from '../../src/cli/help.ts';
import { loadConfig } from '../../src/utility-ops/config/load-config.ts';

function parse(line: string): Invocation {
  return parseArguments(line.split(' ').filter((word) => word !== ''), '/home/me');
}

function refusal(line: string): string {
  try {
    parse(line);
  } catch (error) {
    assert.instance(error, PlatformError);
    assert.is((error as PlatformError).code, 'CONFIG_INVALID');
    return (error as PlatformError).message;
  }
  throw new Error(`accepted: ${line}`);
}

test('start makes a layer of settings of its flags, with paths relative to the user', () => {
  const invocation = parse('start --camera dock=rtsp://u:p@h/1 --camera clips/a.mp4 --loop --model m/yolox.onnx --score-min 0.5 --port 0 --host 0.0.0.0 --allow-stream rtsp://10.* --data d --config a.toml --config /b.toml --no-table --max-fps 5 --labels coco.names --family yolox --provider cuda --provider cpu --log warn --kafka a:9092,b:9092 --kafka c:9093 --roles camera,recorder');
  assert.equal(invocation, {
    command: 'start', configFiles: ['/home/me/a.toml', '/b.toml'], hasTable: false, labelsFile: '/home/me/coco.names',
    flags: {
      data: '/home/me/d',
      cameras: [{ id: 'dock', uri: 'rtsp://u:p@h/1', isLooping: true }, { id: 'a', uri: '/home/me/clips/a.mp4', isLooping: true }],
      ingress: { maxFps: 5 },
      modelOps: { model: '/home/me/m/yolox.onnx', family: 'yolox', scoreMin: 0.5, providers: ['cuda', 'cpu'] },
      kafka: { brokers: ['a:9092', 'b:9092', 'c:9093'] }, roles: ['camera', 'recorder'],
      serving: { httpHost: '0.0.0.0', httpPort: 0, allowStreams: ['rtsp://10.*'] },
      utilityOps: { logLevel: 'warn' },
    },
  });
  if (invocation.command === 'start') assert.is(loadConfig({ flags: invocation.flags, cwd: '/home/me' }).serving.httpPort, 0);
});

test('flags that are not given leave the settings of files and environment alone', () => {
  const invocation = parse('start');
  assert.equal(invocation, { command: 'start', configFiles: [], hasTable: true, flags: { ingress: {}, kafka: {}, modelOps: {}, serving: {}, utilityOps: {} } });
});

test('infer takes one input and its form of output', () => {
  assert.equal(parse('infer clip.mp4 --format coco --out o.json --every 3 --model motion'), {
    command: 'infer', input: '/home/me/clip.mp4', configFiles: [], flags: { modelOps: { model: 'motion' } }, format: 'coco', out: '/home/me/o.json', every: 3, maxFps: 0,
  });
  assert.equal((parse('infer rtsp://h/1') as { input: string }).input, 'rtsp://h/1');
  assert.match(refusal('infer'), 'needs INPUT');
  assert.match(refusal('infer a b'), "but got 'b'");
  assert.match(refusal('infer a --format xml'), "unknown value 'xml'; known: ndjson, coco, mot");
  assert.match(refusal('infer a --every 0'), 'from 1 to 1000000');
  assert.match(refusal('infer a --every 1.5'), 'whole number');
  const samples = (line: string): unknown => (parse(line) as { samples?: unknown }).samples;
  assert.is(samples('infer a --modality auto'), undefined);
  assert.equal(samples('infer a --modality thermal --range=-5,40.5'), { modality: 'thermal', metresPerStep: null, range: [-5, 40.5] });
  assert.equal(samples('infer a --range 0.5,4'), { modality: null, metresPerStep: null, range: [0.5, 4] });
  assert.match(refusal('infer a --modality radar'), "unknown value 'radar'; known: auto, rgb, depth, thermal");
  for (const range of ['4,0.5', '1,1', '3', '1,2,3', 'a,b']) assert.match(refusal(`infer a --range ${range}`), `two numbers, the lower one first, like 0.5,4, not ${range}`);
});

test('models inspects a file, as the family and in the size that are named', () => {
  assert.equal(parse('models inspect m.onnx'), { command: 'models', action: { type: 'inspect', file: '/home/me/m.onnx', family: 'auto', size: [] }, isJson: false });
  assert.equal(parse('models inspect /m.onnx --family detr --size 640x480 --json'), { command: 'models', action: { type: 'inspect', file: '/m.onnx', family: 'detr', size: [640, 480] }, isJson: true });
  assert.match(refusal('models'), 'needs ACTION');
  assert.match(refusal('models inspect'), 'needs the ONNX file');
  assert.match(refusal('models inspct m.onnx'), "unknown action 'inspct'; did you mean 'inspect'");
  assert.match(refusal('models inspect m.onnx n.onnx'), "takes two arguments besides flags, but got 'n.onnx'");
  assert.match(refusal('models inspect m.onnx --size 640'), "--size must be WIDTHxHEIGHT, not '640'");
});

test('models of a running vto are listed and changed at its address', () => {
  assert.equal(parse('models list'), { command: 'models', action: { type: 'list', at: { url: 'http://127.0.0.1:8080' } }, isJson: false });
  assert.equal(parse('models use yolox@1 --url http://10.0.0.3:9000 --json'), { command: 'models', action: { type: 'use', model: 'yolox@1', at: { url: 'http://10.0.0.3:9000' } }, isJson: true });
  assert.match(refusal('models use'), 'needs the model: NAME@VERSION');
  assert.match(refusal('models list yolox@1'), "takes no argument, but got 'yolox@1'");
  assert.match(refusal('models use yolox@1 --url 10.0.0.3'), "'10.0.0.3' is no http address");
  assert.match(refusal('models use yolox@1 --family yolox'), '--family and --size are for vto models inspect');
  assert.match(refusal('models inspect m.onnx --url http://a'), '--url is for vto models list and use');
});

test('cameras of a running vto are listed, added, changed and removed', () => {
  const action = (line: string): unknown => (parse(`cameras ${line}`) as Extract<Invocation, { command: 'cameras' }>).action;
  assert.equal(parse('cameras list --url http://10.0.0.3:9000 --token abc --json'), { command: 'cameras', action: { type: 'list' }, at: { url: 'http://10.0.0.3:9000', token: 'abc' }, isJson: true });
  assert.equal(action('show gate'), { type: 'show', id: 'gate' });
  assert.equal(action('remove gate'), { type: 'remove', id: 'gate' });
  assert.equal(action('add gate=rtsp://h/1 --fallback rtsp://h/2 --fallback b.mp4 --standby warm --restore-after-ms 500 --tenant harbour --priority 2 --max-fps 0 --detect no --loop yes --encoders hog,lbp'), {
    type: 'add', body: { id: 'gate', uri: 'rtsp://h/1', fallbacks: ['rtsp://h/2', '/home/me/b.mp4'], standby: 'warm', restoreAfterMs: 500, tenant: 'harbour', priority: 2, maxFps: 0, detect: false, loop: true, encoders: ['hog', 'lbp'] },
  });
  assert.equal(action('add rtsp://u:p@10.0.0.12/1'), { type: 'add', body: { id: '10-0-0-12', uri: 'rtsp://u:p@10.0.0.12/1' } });
  assert.equal(action('change gate --uri a.mp4 --max-fps 5 --default priority --default fallbacks'), { type: 'change', id: 'gate', patch: { uri: '/home/me/a.mp4', maxFps: 5, priority: null, fallbacks: null } });
  const refused: readonly (readonly [string, string])[] = [
    ['', 'needs ACTION'], ['shw gate', "unknown action 'shw'; did you mean 'show'"], ['list gate', "takes no camera, but got 'gate'"], ['show', 'needs the id of a camera'], ['remove Gate', "'Gate' is no id of a camera"],
    ['add', 'needs the camera: ID=URI'], ['add a=b.mp4 --uri c.mp4', '--uri is for vto cameras change'], ['change gate', 'needs what is to change'], ['show gate --priority 2', 'changes nothing'],
    ['add a=b.mp4 --default priority', '--default is for vto cameras change'], ['change gate --default speed', "unknown value 'speed'"], ['change gate --standby hot', "unknown value 'hot'"], ['list --url 10.0.0.3', 'is no http address'],
  ];
  for (const [line, said] of refused) assert.match(refusal(`cameras ${line}`.trim()), said, line);
});

test('verify, doctor, help and version', () => {
  assert.equal(parse('verify --data x --ledger-only'), { command: 'verify', configFiles: [], flags: { data: '/home/me/x' }, isLedgerOnly: true });
  assert.equal(parse('doctor --model /m.onnx --config c.toml --kafka a:1'), { command: 'doctor', configFiles: ['/home/me/c.toml'], flags: { modelOps: { model: '/m.onnx' }, kafka: { brokers: ['a:1'] } } });
  for (const line of ['', 'help', '--help', '-h']) assert.equal(parse(line), { command: 'help' });
  assert.equal(parse('start --port x --help'), { command: 'help', topic: 'start' });
  assert.equal(parse('help infer'), { command: 'help', topic: 'infer' });
  for (const line of ['version', '--version', '-v']) assert.equal(parse(line), { command: 'version' });
});

test('verify of topics takes brokers instead of a folder', () => {
  assert.equal(parse('verify --kafka a:1,b:2 --wait 1.5'), { command: 'verify', configFiles: [], flags: { kafka: { brokers: ['a:1', 'b:2'] } }, isLedgerOnly: false, topics: { waitMs: 1500, format: 'table' } });
  assert.match(refusal('verify --kafka a:1 --data x'), 'give one or the other');
  assert.match(refusal('verify --wait 3'), 'name a broker with --kafka');
  assert.match(refusal('verify --kafka a:1 --format xml'), 'known: table, json');
});

test('dead letters are listed, or retried by name', () => {
  const action = (line: string): unknown => (parse(`dead-letters ${line}`) as { action: unknown }).action;
  assert.equal(parse('dead-letters list --kafka a:1 --format ndjson --max 7'), { command: 'dead-letters', configFiles: [], flags: { kafka: { brokers: ['a:1'] } }, action: { type: 'list', format: 'ndjson', max: 7 } });
  assert.equal(action('list'), { type: 'list', format: 'table', max: 100 });
  assert.equal(action('retry --partition 0 --offset 0'), { type: 'retry', wanted: { partition: 0, offset: 0 }, isForced: false });
  assert.equal(action('retry --all --force'), { type: 'retry', wanted: 'all', isForced: true });
  assert.match(refusal('dead-letters'), 'needs ACTION');
  assert.match(refusal('dead-letters lits'), "unknown action 'lits'; did you mean 'list'?");
  assert.match(refusal('dead-letters retry'), 'with --partition and --offset, or all of them with --all');
  assert.match(refusal('dead-letters retry --all --offset 3'), 'or all of them with --all');
  assert.match(refusal('dead-letters list --force'), 'are for vto dead-letters retry');
  assert.match(refusal('dead-letters retry --all --max 3'), 'are for vto dead-letters list');
});

test('an unknown command or flag is refused with the nearest known one', () => {
  assert.match(refusal('strat'), "unknown command 'strat'; did you mean 'start'?");
  assert.match(refusal('start --modle x'), 'knows no flag --modle; did you mean --model?');
  assert.match(refusal('start --every 2'), 'it belongs to vto infer');
  assert.match(refusal('start -x'), 'knows no flag -x');
  assert.match(refusal('start clip.mp4'), "takes no argument besides flags, but got 'clip.mp4'");
  assert.match(refusal('start --constructor x'), 'knows no flag --constructor');
});

test('a flag without, with a wrong, or with two values is refused', () => {
  assert.match(refusal('start --model'), '--model needs a value');
  assert.match(refusal('start --model --loop'), '--model needs a value');
  assert.match(refusal('start --loop=yes'), '--loop takes no value');
  assert.match(refusal('start --port http'), "--port must be a number, not 'http'");
  assert.match(refusal('start --port 70000'), 'from 0 to 65535');
  assert.match(refusal('start --score-min -0.1'), 'from 0 to 1');
  assert.match(refusal('start --model a --model b'), '--model is given twice');
});

test('a camera without an id is named after its file or host, never after its password', () => {
  const taken = new Set<string>();
  const named = (text: string): string => parseCamera(text, '/c', false, taken).id;
  assert.equal(['clips/Front Door.mp4', 'rtsp://user:p@ss/w@10.0.0.12:554/stream?x=1', 'front-door.mkv', 'rtsp://10.0.0.12/2', './a=b.mp4', 'file:///x/Lobby.mp4', 'synthetic:', '---.mp4', 'pictures/'].map(named),
    ['front-door', '10-0-0-12', 'front-door-2', '10-0-0-12-2', 'a-b', 'lobby', 'synthetic', 'camera', 'pictures']);
  assert.equal(parseCamera('x=synthetic:640x360?a=b', '/c', true, taken), { id: 'x', uri: 'synthetic:640x360?a=b', isLooping: true });
  assert.throws(() => parseCamera('Dock=rtsp://h', '/c', false, taken), /camera id 'Dock'/);
  assert.throws(() => parseCamera('dock=', '/c', false, taken), /lacks the URI/);
});

test('relative paths are the user\'s under npm start, the working directory\'s elsewhere', () => {
  assert.is(userFolder({ INIT_CWD: '/user', npm_lifecycle_event: 'start' }, '/repo'), '/user');
  assert.is(userFolder({ INIT_CWD: '/user', npm_lifecycle_event: 'test' }, '/tmp/x'), '/tmp/x');
  assert.is(userFolder({}, '/tmp/x'), '/tmp/x');
});

test('help shows every command and every flag, within 140 columns', () => {
  for (const name of Object.keys(COMMANDS)) assert.match(renderHelp(), `  ${name}`);
  for (const [name, command] of Object.entries(COMMANDS)) {
    const text = renderCommandHelp(name as keyof typeof COMMANDS);
    for (const flag of Object.keys(command.flags)) assert.match(text, `  --${flag}`);
    for (const line of text.split('\n')) assert.ok(line.length <= 140, line);
  }
});

test('the examples of help are accepted', () => {
  for (const command of Object.values(COMMANDS)) for (const example of command.examples) assert.ok(parse(example.replace(/^vto /, '').replace(/ >.*/, '')));
});

test.run();
