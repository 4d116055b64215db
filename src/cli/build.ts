// `npm run prepack`: compiles src and actors to dist/, which is what the npm package runs (Node strips no types below node_modules).
import { spawnSync } from 'node:child_process';
import { copyFileSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Generated code that is JavaScript already, and the pages. */
const COPIED = ['src/serving-ops/pages/*.{html,css,svg}', 'src/**/*.js', 'src/**/*.d.ts', 'actors/**/*.js', 'actors/**/*.d.ts'];

/**
 * Writes the compiled platform below `folder`, with declarations and source maps.
 * @throws Error when the compiler refuses the sources
 */
export function build(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  // A project file of its own, because --project and a choice of files exclude each other on the command line.
  const projects = mkdtempSync(join(tmpdir(), 'vto-build-'));
  try {
    const project = join(projects, 'tsconfig.json');
    writeFileSync(project, JSON.stringify({
      extends: join(ROOT, 'tsconfig.json'),
      compilerOptions: { noEmit: false, incremental: false, tsBuildInfoFile: null, rootDir: ROOT, outDir: folder, declaration: true, sourceMap: true, inlineSources: true, removeComments: false, typeRoots: [join(ROOT, 'node_modules/@types')] },
      include: [join(ROOT, 'src'), join(ROOT, 'actors')], exclude: [join(ROOT, 'src/cli/build.ts')],
    }));
    const result = spawnSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', project], { cwd: ROOT, encoding: 'utf8' });
    if (result.status !== 0) throw new Error(`tsc failed:\n${result.stdout}${result.stderr}`);
  } finally {
    rmSync(projects, { recursive: true });
  }
  for (const path of COPIED.flatMap((pattern) => globSync(pattern, { cwd: ROOT }))) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    copyFileSync(join(ROOT, path), join(folder, path));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  build(join(ROOT, 'dist'));
  console.log('built dist/');
}
