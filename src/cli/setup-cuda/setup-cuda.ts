import type { ProviderCapability } from '../../inference/capabilities.ts';
import type { CudaLibraries } from '../../inference/cuda-libraries.ts';
import { explainDownload, explainProbe, platformRefusal, type Machine } from './explain.ts';

/** What the set-up needs of the machine; a test gives its own. */
export interface SetupHost {
  readonly machine: Machine;
  readonly libraries: CudaLibraries;
  /** Runs a Node script to its end. */
  run(script: string, env: Readonly<Record<string, string | undefined>>): Promise<{ readonly code: number | null; readonly output: string }>;
  /** Shared libraries that a library of ours needs and the system does not find. */
  unresolved(file: string): Promise<readonly string[]>;
  probe(): Promise<readonly ProviderCapability[]>;
  say(line: string): void;
}

const USAGE = `usage: npm run setup:cuda [-- --check | --force]
Fetches the CUDA and TensorRT libraries of onnxruntime (some 300 MB, from NuGet, by onnxruntime-node's own install script) and tries them.
  --check   fetch nothing, say what works and what is missing
  --force   fetch even if the libraries are there`;

/** `npm run setup:cuda`: 0 when the CUDA provider starts, 1 when it does not, 2 for wrong arguments. */
export async function setupCuda(args: readonly string[], host: SetupHost): Promise<number> {
  const { machine, libraries, say } = host;
  const unknown = args.filter(arg => !['--check', '--force', '--help', '-h'].includes(arg));
  if (unknown.length > 0 || (args.includes('--check') && args.includes('--force'))) {
    say(unknown.length > 0 ? `unknown argument '${unknown.join('\', \'')}'` : '--check and --force exclude each other');
    say(USAGE);
    return 2;
  }
  if (args.includes('--help') || args.includes('-h')) { say(USAGE); return 0; }
  const refusal = platformRefusal(machine);
  if (refusal !== undefined) { say(refusal); return 1; }
  if (!args.includes('--check') && (args.includes('--force') || libraries.missing().length > 0) && !await fetched(host)) return 1;
  const missing = libraries.missing();
  if (missing.length > 0) {
    say(`not there: ${missing.join(', ')}. Fetch them with: npm run setup:cuda`);
    return 1;
  }
  return checked(host);
}

/** The flag must be `true`: of version names such as `cuda12` the script (1.30.0, parseInstallFlag) makes nothing, and ends well without a download when npm runs it in a clone. */
async function fetched({ libraries, run, say }: SetupHost): Promise<boolean> {
  say(`fetching the CUDA libraries of onnxruntime to ${libraries.folder} …`);
  const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_|^ONNXRUNTIME_NODE_INSTALL/i.test(name)));
  const { code, output } = await run(libraries.script, { ...own, ONNXRUNTIME_NODE_INSTALL: 'true' });
  if (code === 0) return true;
  say(explainDownload(output, libraries));
  return false;
}

async function checked({ machine, libraries, unresolved, probe, say }: SetupHost): Promise<number> {
  const found = await probe();
  const hasTensorrt = found.some(({ name, isAvailable }) => name === 'tensorrt' && isAvailable);
  say(hasTensorrt ? 'tensorrt starts' : 'tensorrt does not start: it needs TensorRT 10 installed; cuda needs it not');
  const cuda = found.find(row => row.name === 'cuda');
  if (cuda?.isAvailable === true) {
    say('cuda starts. Use it with: --provider cuda --provider cpu, or modelOps.providers = ["cuda", "cpu"]');
    return 0;
  }
  const needed = await unresolved(libraries.files.find(file => file.endsWith('_cuda.so')) ?? libraries.folder);
  say(explainProbe({ reason: cuda?.reason ?? 'this build of onnxruntime knows no such provider', needed, machine }));
  return 1;
}
