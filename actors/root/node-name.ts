import { readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Random } from '../../src/engine/random.ts';

const FORM = /^[a-z0-9][a-z0-9._-]{0,126}$/;

/** Name of the node whose data lie in a folder: the machine's when it was first started, and a random tail; the same for as long as the folder lives. */
export async function nodeName(folder: string, random: Random): Promise<string> {
  const file = join(folder, 'node-name');
  const known = await readFile(file, 'utf8').then(text => text.trim(), () => undefined); // not there at the first start
  if (known !== undefined && FORM.test(known)) return known;
  const host = hostname().toLowerCase().replaceAll(/[^a-z0-9-]/g, '-').replace(/^-+/, '').slice(0, 63) || 'node';
  const name = `${host}-${Math.floor(random.next() * 2 ** 32).toString(16).padStart(8, '0')}`;
  await writeFile(file, `${name}\n`, { mode: 0o600 });
  return name;
}
