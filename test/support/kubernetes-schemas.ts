import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** PyPI package with the schemas of Kubernetes, and the Go module with KEDA's custom resource definitions. */
const VALIDATOR = 'kubernetes-validate==1.37.0';
const KEDA = 'github.com/kedacore/keda/v2@v2.21.0';
/** The oldest Kubernetes that we say to run on, and the newest. */
const VERSIONS = '1.29,1.37';

const VALIDATE = fileURLToPath(new URL('validate-manifests.py', import.meta.url));
const INSTALL_LIMIT_MS = 180_000;

/** What a validation says of one object. */
export interface Verdict { readonly path: string; readonly kind: string; readonly name: string; readonly wrong: string; readonly document: unknown }

/** Validates files; what it needs is brought from PyPI and the Go proxy once and kept in the temporary folder. */
export interface ManifestValidator { validate(files: readonly string[]): readonly Verdict[] }

/** A validator, or why there is none here. Nothing is installed unless `mayInstall`. */
export function manifestValidator(mayInstall: boolean): ManifestValidator | string {
  const python = installPython(mayInstall);
  if (!existsSync(python)) return python;
  const crds = downloadKeda(mayInstall);
  if (!existsSync(crds)) return crds;
  return {
    validate: (files) => run(python, [VALIDATE, VERSIONS, crds, ...files]).trim().split('\n').map((line) => JSON.parse(line) as Verdict),
  };
}

function installPython(mayInstall: boolean): string {
  const home = join(tmpdir(), `visutility-${VALIDATOR.replace('==', '-')}`);
  const python = join(home, 'bin', 'python3');
  if (existsSync(python)) return python;
  if (!mayInstall) return `${VALIDATOR} is not there: python3 -m venv ${home} && ${home}/bin/pip install ${VALIDATOR}`;
  const building = mkdtempSync(join(dirname(home), 'visutility-venv-'));
  try {
    run('python3', ['-m', 'venv', building]);
    run(join(building, 'bin', 'python3'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', VALIDATOR]);
    renameSync(building, home); // only `python3` is used of it, which finds its packages beside itself
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
  return python;
}

function downloadKeda(mayInstall: boolean): string {
  const found = spawnSync('go', ['mod', 'download', '-json', KEDA], { encoding: 'utf8', timeout: INSTALL_LIMIT_MS, env: { ...process.env, ...(mayInstall ? {} : { GOPROXY: 'off' }) } });
  if (found.status !== 0) return `${KEDA} is not there: go mod download ${KEDA} (${(found.error?.message ?? found.stdout + found.stderr).trim().slice(0, 200)})`;
  const { Dir } = JSON.parse(found.stdout) as { Dir: string };
  return join(Dir, 'config', 'crd', 'bases');
}

function run(program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', timeout: INSTALL_LIMIT_MS, maxBuffer: 64 << 20 });
  if (status !== 0) throw new Error(`${program} ${args.slice(0, 3).join(' ')} failed: ${error?.message ?? ''}${stderr}`);
  return stdout;
}
