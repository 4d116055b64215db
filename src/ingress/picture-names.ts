import { readdir, stat } from 'node:fs/promises';

const PICTURE = /\.(?:jpe?g|png)$/i;

/** Names of the pictures of a folder in the order they are read (numbers in them count as numbers); undefined when `path` is no folder. */
export async function pictureNames(path: string): Promise<readonly string[] | undefined> {
  const isFolder = await stat(path).then(found => found.isDirectory(), () => false);
  if (!isFolder) return undefined;
  return (await readdir(path)).filter(name => PICTURE.test(name)).toSorted(new Intl.Collator('en', { numeric: true }).compare);
}
