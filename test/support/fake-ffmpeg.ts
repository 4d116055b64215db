import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './temporary-folder.ts';

/** How the program behaves: gives back what it reads; says nothing; or ends after its first bytes. */
export type FakeFfmpegKind = 'echo' | 'silent' | 'short';

/** A program that takes the place of ffmpeg: it says the size of its input as ffmpeg does, and its output is its input. Returns its path. */
export function fakeFfmpeg(kind: FakeFfmpegKind): string {
  const path = join(temporaryFolder(), `ffmpeg-${kind}`);
  writeFileSync(path, `#!${process.execPath}
process.stderr.write("Input #0, mov,mp4, from 'pipe:0':\\n  Stream #0:0: Video: h264, yuv420p, 640x360, 25 fps\\n");
process.stdin.on('data', bytes => {
  if (${JSON.stringify(kind)} === 'silent') return;
  process.stdout.write(bytes);
  if (${JSON.stringify(kind)} === 'short') { process.stderr.write('Conversion failed!\\n'); setTimeout(() => process.exit(1), 20); }
});
process.stdin.on('end', () => process.exit(0));
`);
  chmodSync(path, 0o755);
  return path;
}
