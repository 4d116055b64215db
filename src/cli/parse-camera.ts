import { basename } from 'node:path';
import { isCameraId } from '../engine/units.ts';
import { resolveUri } from '../utility-ops/config/load-config.ts';
import { invalid } from './flag-values.ts';

/** A camera of the command line. */
export interface CameraArgument { readonly id: string; readonly uri: string; readonly isLooping: boolean }

/**
 * Reads `id=uri`, or a bare URI or path whose id is made of its file or host name (`10.0.0.12/cam` becomes `10-0-0-12`).
 * @param taken ids in use; the new one is added, with a number behind it when its name is taken and was not given
 * @throws PlatformError CONFIG_INVALID for an id outside the grammar
 */
export function parseCamera(argument: string, cwd: string, isLooping: boolean, taken: Set<string>): CameraArgument {
  const equals = argument.indexOf('=');
  const before = argument.slice(0, Math.max(0, equals));
  if (equals >= 0 && !/[/\\:.?]/.test(before)) { // `rtsp://host/?a=b` and `./a=b.mp4` hold no id
    const uri = argument.slice(equals + 1);
    if (!isCameraId(before)) throw invalid(`camera id '${before}' must be 1 to 63 of a-z 0-9 - _, starting with a letter or digit`, 'camera');
    if (uri === '') throw invalid(`--camera ${before}= lacks the URI`, 'camera');
    taken.add(before);
    return { id: before, uri: resolveUri(uri, cwd), isLooping };
  }
  const stem = deriveId(argument);
  let id = stem;
  for (let copy = 2; taken.has(id); copy++) id = `${stem}-${copy}`;
  taken.add(id);
  return { id, uri: resolveUri(argument, cwd), isLooping };
}

function deriveId(uri: string): string {
  const match = /^([a-z][a-z0-9+.-]+):(?:\/\/)?(.*)$/i.exec(uri);
  const name = match === null || match[1]?.toLowerCase() === 'file' ? basename(uri).replace(/\.[^.]*$/, '') : hostOf(match[2] ?? '') || (match[1] ?? '');
  const id = name.toLowerCase().replace(/[^a-z0-9_-]+/g, '-').replace(/^[-_]+|[-_]+$/g, '').slice(0, 56);
  return id === '' ? 'camera' : id;
}

/** Host of an authority and path; passwords may hold `@` and `/`, so all up to the last `@` is login. */
function hostOf(rest: string): string {
  return (rest.replace(/\?.*$/, '').split('@').at(-1) ?? '').split(/[/:]/)[0] ?? '';
}
