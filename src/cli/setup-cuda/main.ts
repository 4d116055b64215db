import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { capabilities } from '../../inference/capabilities.ts';
import { cudaLibraries } from '../../inference/cuda-libraries.ts';
import { setupCuda, type SetupHost } from './setup-cuda.ts';

/** Runs a script of Node; what it says is shown as it comes, and kept. */
async function run(script: string, env: Readonly<Record<string, string | undefined>>): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'pipe'], env });
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => { output += bytes.toString(); process.stdout.write(bytes); });
  child.stderr.on('data', (bytes: Buffer) => { output += bytes.toString(); });
  const code = await new Promise<number | null>((resolve, reject) => { child.once('error', reject); child.once('close', resolve); });
  return { code, output };
}

/** Asks the dynamic linker, which onnxruntime does not quote. */
async function unresolved(file: string): Promise<readonly string[]> {
  const said = await new Promise<string>(resolve => { execFile('ldd', [file], (_error, stdout, stderr) => resolve(`${stdout}\n${stderr}`)); });
  return said.split('\n').flatMap(line => /^\s*(\S+) => not found/.exec(line)?.[1] ?? /version .(GLIBC\S*?)' not found/.exec(line)?.[1] ?? []);
}

interface Report { readonly header: { readonly glibcVersionRuntime?: string } }

const host: SetupHost = {
  machine: {
    platform: process.platform, arch: process.arch, hasDriver: existsSync('/dev/nvidiactl') || existsSync('/dev/dxg'),
    glibc: (process.report.getReport() as Report).header.glibcVersionRuntime, // typed as any object
  },
  libraries: cudaLibraries(), run, unresolved, probe: capabilities, say: line => { process.stdout.write(`${line}\n`); },
};

process.exitCode = await setupCuda(process.argv.slice(2), host);
