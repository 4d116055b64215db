import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { constants } from 'node:fs';
import { access, mkdir, statfs } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { reportError } from '../engine/errors.ts';
import { capabilities } from '../inference/capabilities.ts';
import { inspectModel, type ModelInspection } from '../inference/inspect.ts';
import { mediaCapabilities, openNvdec } from '../media/index.ts';
import { loadConfig } from '../utility-ops/config/load-config.ts';
import type { Config } from '../utility-ops/config/schema.ts';
import type { Invocation } from './arguments.ts';
import type { Finding } from './doctor/finding.ts';
import { kafkaChecks } from './doctor/kafka-checks.ts';
import { nvdecFinding, providerFindings } from './doctor/device-findings.ts';

type DoctorInvocation = Extract<Invocation, { command: 'doctor' }>;

const GIB = 2 ** 30;

/** `vto doctor`: what this machine and its cluster can do, and what is wrong with them. */
export async function doctorCommand(invocation: DoctorInvocation, cwd: string): Promise<number> {
  const config = loadConfig({ files: invocation.configFiles, environment: process.env, flags: invocation.flags, cwd });
  const findings = [
    machine(), ...media(config), oldPlayers(), ...providerFindings(config.modelOps, await capabilities()), ...await model(config), await port(config), await dataFolder(config), ...await kafkaChecks(config),
  ];
  const width = Math.max(...findings.map(finding => finding.topic.length));
  for (const { level, topic, says } of findings) process.stdout.write(`${{ ok: 'ok  ', note: 'note', warn: 'WARN', fail: 'FAIL' }[level]}  ${topic.padEnd(width)}  ${says}\n`);
  const failed = findings.filter(finding => finding.level === 'fail').length;
  process.stdout.write(failed === 0 ? 'ready: npx vto start\n' : `${failed} of ${findings.length} checks failed\n`);
  return failed === 0 ? 0 : 1;
}

function machine(): Finding {
  return { level: 'ok', topic: 'machine', says: `Node ${process.versions.node}, ${process.platform} ${process.arch}, ${availableParallelism()} cores, ${(totalmem() / GIB).toFixed(1)} GiB` };
}

function media(config: Config): readonly Finding[] {
  const { version, licence, nonFree, decoders, encoders, hardware } = mediaCapabilities();
  const missing = Object.entries(decoders).filter(([, decoder]) => decoder === undefined).map(([codec]) => codec);
  const found = Object.entries(decoders).filter(([, decoder]) => decoder !== undefined).map(([codec, decoder]) => (codec === decoder ? codec : `${codec} (${decoder})`));
  return [
    { level: missing.length === 0 ? 'ok' : 'fail', topic: 'decoders', says: `${found.join(', ')}${missing.length > 0 ? `; missing: ${missing.join(', ')}` : ''}` },
    { level: encoders.length > 0 ? 'ok' : 'note', topic: 'encoders', says: encoders.length > 0 ? `${encoders.join(', ')} (for synthetic cameras)` : 'none: synthetic cameras cannot run' },
    { level: 'note', topic: 'libav', says: `FFmpeg ${version}, ${licence} in effect${nonFree.length > 0 ? ` with ${nonFree.join(', ')}` : ''}: matters to whoever ships it in an image` },
    { level: 'note', topic: 'hardware', says: hardware.length > 0 ? `decoding devices: ${hardware.join(', ')}` : 'no hardware decoding device opened' },
    nvdecFinding(config.vision.decoder, openNvdec()),
  ];
}

/** Pictures for JSMpeg players are the one thing that another program makes. */
function oldPlayers(): Finding {
  const { status, stdout } = spawnSync('ffmpeg', ['-version'], { encoding: 'utf8', timeout: 5_000 });
  const version = /^ffmpeg version (\S+)/.exec(stdout ?? '')?.[1];
  if (status !== 0) return { level: 'note', topic: 'ffmpeg', says: 'not here: live pictures for JSMpeg players need it, everything else does not (Debian: apt-get install ffmpeg)' };
  return { level: 'ok', topic: 'ffmpeg', says: `${version ?? 'found'} (for JSMpeg players)` };
}

async function model(config: Config): Promise<readonly Finding[]> {
  const { model: path } = config.modelOps;
  if (path === 'motion') return [{ level: 'ok', topic: 'model', says: 'motion (built in, no weights)' }];
  try {
    const { family: wanted, inputSize } = config.modelOps;
    const found = await inspectModel(path, { family: wanted, size: inputSize });
    const chosen = wanted === 'auto' ? found.family : wanted;
    return [
      { level: 'ok', topic: 'model', says: `${path}: ${(found.sizeBytes / 1e6).toFixed(1)} MB, sha256 ${found.digest.slice(0, 16)}…, opset ${found.opset}, by ${found.producer || 'unknown'}` },
      { level: 'ok', topic: 'model in', says: found.inputs.join('; ') },
      { level: 'ok', topic: 'model out', says: found.outputs.join('; ') },
      ...found.evidence.filter(({ family, isMatch }) => found.picture === undefined ? isMatch || family === chosen : family === chosen)
        .map(({ family, isMatch, says, doubt }): Finding => ({ level: isMatch ? 'ok' : 'note', topic: `family ${family}`, says: doubt === undefined ? says : `${says}; ${doubt}` })),
      ...(found.picture === undefined ? [{ level: 'fail', topic: 'family', says: whyNoFamily(found, wanted) } as const] : []),
    ];
  } catch (error) {
    const { code, message } = reportError(error);
    return [{ level: 'fail', topic: 'model', says: `${code}: ${message}` }];
  }
}

function whyNoFamily({ candidates }: ModelInspection, wanted: string): string {
  if (wanted !== 'auto') return `the file is no '${wanted}' model`;
  return candidates.length > 0 ? `it has to be named: --family ${candidates.join(' or --family ')}` : 'none that is known; `vto models inspect` says why not';
}

async function port(config: Config): Promise<Finding> {
  const { httpHost, httpPort } = config.serving;
  const address = `${httpHost}:${httpPort}`;
  return new Promise(done => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => done({ level: 'fail', topic: 'port', says: `${address} cannot be used (${error.code ?? error.message}): choose another with --port` }));
    server.listen(httpPort, httpHost, () => server.close(() => done({ level: 'ok', topic: 'port', says: `${address} is free` })));
  });
}

async function dataFolder(config: Config): Promise<Finding> {
  const folder = resolve(config.data);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await access(folder, constants.R_OK | constants.W_OK);
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    const isEnough = free > config.recording.maxBytes;
    return { level: isEnough ? 'ok' : 'note', topic: 'data', says: `${folder}: ${(free / GIB).toFixed(1)} GiB free${isEnough ? '' : `, less than recording.maxBytes (${(config.recording.maxBytes / GIB).toFixed(1)} GiB)`}` };
  } catch (error) {
    return { level: 'fail', topic: 'data', says: `${folder} cannot be used: ${error instanceof Error ? error.message : String(error)}` };
  }
}
