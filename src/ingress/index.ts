import { PlatformError } from '../engine/errors.ts';
import { Registry } from '../engine/registry.ts';
import { redactUri } from '../utility-ops/redact-uri.ts';
import { file } from './file.ts';
import { onvif } from './onvif.ts';
import { rtsp, rtsps } from './rtsp.ts';
import { withMeaning, type SampleSettings } from './sample-meaning.ts';
import type { SourceDeps } from './source-deps.ts';
import type { Source } from './source.ts';
import { synthetic } from './synthetic.ts';
import { whip } from './whip.ts';

/** Every source protocol by its URI scheme. A plain path is `file`. */
export const sources = new Registry<Source, SourceDeps>('source', [file, onvif, rtsp, rtsps, synthetic, whip]);

/** What a source is made from. */
export interface SourceRequest extends SourceDeps {
  /** Options of the scheme's plugin. @default {} */
  readonly options?: unknown;
  /** Where the options stand in the configuration, for error messages. @default '' */
  readonly path?: string;
  /** What its samples mean. @default what the source says itself */
  readonly samples?: SampleSettings | undefined;
}

/**
 * Makes the source that a URI names; nothing is opened yet.
 * @throws PlatformError CONFIG_INVALID, PLUGIN_UNKNOWN
 */
export async function createSource(request: SourceRequest): Promise<Source> {
  const { options, path, samples, ...deps } = request;
  return withMeaning(await sources.create(schemeOf(request.uri), options, deps, path ?? ''), samples);
}

/**
 * The scheme of a URI, `file` for a plain path.
 * @throws PlatformError CONFIG_INVALID for an empty URI
 */
export function schemeOf(uri: string): string {
  if (uri.trim() === '') throw new PlatformError('CONFIG_INVALID', `source uri '${redactUri(uri)}' is empty`, {});
  return /^([a-z][a-z0-9+.-]*):\/\//i.exec(uri)?.[1]?.toLowerCase() ?? 'file';
}
