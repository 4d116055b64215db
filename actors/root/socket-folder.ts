import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

const PREFIX = 'vto-';
/** In the data folder: where the sockets of the newest run are. */
const NOTE = 'sockets';
/** The same of a node's index. */
export const INDEX_NOTE = 'index-sockets';

/** A new folder for the sockets of a run, outside of the data folder, whose path may be too long for a socket. */
export async function createSocketFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), PREFIX));
}

/** Removes what an earlier run of this data folder, now that it is known to be over, had no time to remove, and notes this run's. */
export async function takeOverSockets(data: string, sockets: string, name = NOTE): Promise<void> {
  const note = join(data, name);
  const earlier = await readFile(note, 'utf8').catch(() => sockets);
  const isOurs = dirname(earlier) === tmpdir() && /^vto-\w{6}$/.test(basename(earlier));
  if (isOurs && earlier !== sockets) await rm(earlier, { recursive: true, force: true });
  await writeFile(note, sockets, { mode: 0o600 });
}
