import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RELEASES, type KafkaSeries } from './broker-versions.ts';

const POM = fileURLToPath(new URL('pom.xml', import.meta.url));
/** The oldest Java that a 4.x broker starts on. */
const JAVA_MIN = 17;
const MAVEN_LIMIT_MS = 240_000;

/** Folder with the jars of a release: outside the project, so that a fresh clone finds them again. */
function jarsFolder(series: KafkaSeries): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'visutility', 'kafka', RELEASES[series].version);
}

/** Why brokers cannot be run from jars here; undefined when they can. */
export function whyNoJars(series: KafkaSeries): string | undefined {
  const { status, stderr } = spawnSync('java', ['-version'], { encoding: 'utf8' });
  if (status !== 0) return 'no java';
  const major = Number(/version "(?:1\.)?(\d+)/.exec(stderr)?.[1] ?? 0);
  if (major < JAVA_MIN) return `java ${major} is older than ${JAVA_MIN}`;
  if (!existsSync(jarsFolder(series)) && spawnSync('mvn', ['-version'], { stdio: 'ignore' }).status !== 0) return 'no maven';
  return undefined;
}

/** The folder of the jars, filled by Maven when it is not there yet. Two processes may do so at once: the first rename wins. */
export async function fetchJars(series: KafkaSeries): Promise<string> {
  const folder = jarsFolder(series);
  if (existsSync(folder)) return folder;
  const { version, profile } = RELEASES[series];
  await mkdir(dirname(folder), { recursive: true });
  const partial = await mkdtemp(`${folder}-`);
  try {
    const args = ['-q', '-B', '-f', POM, '-P', profile, `-Dkafka.version=${version}`, 'dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${partial}`];
    const child = spawn('mvn', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => { output += bytes.toString(); });
    const timer = setTimeout(() => child.kill('SIGKILL'), MAVEN_LIMIT_MS);
    const code = await new Promise((resolve, reject) => { child.on('close', resolve); child.on('error', reject); });
    clearTimeout(timer);
    if (code !== 0) throw new Error(`maven could not fetch Kafka ${version} (exit ${String(code)}):\n${output.slice(-2000)}`);
    await rename(partial, folder).catch((error: unknown) => { if (!existsSync(folder)) throw error; });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return folder;
}
