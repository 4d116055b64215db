import { readFileSync } from 'node:fs';

/** What another decoder found in a file of the shared videos. */
export interface ExpectedVideo { readonly name: string; readonly size: string; readonly frames: number; readonly errorLines: number; readonly md5: string }

/** Rows of the table of decoded counts: file, codec, size, pixel format, frames, error lines, MD5. */
export function expectedVideos(readme: string): ExpectedVideo[] {
  const rows = readFileSync(readme, 'utf8').matchAll(/^\| `([^`]+)` \| \w+ [^|]+ \| (\d+x\d+) \| \w+ \| (\d+) \| (\d+) \| `([0-9a-f]{32})` \|$/gm);
  return [...rows].map(([, name = '', size = '', frames, errorLines, md5 = '']) => ({ name, size, frames: Number(frames), errorLines: Number(errorLines), md5 }));
}
