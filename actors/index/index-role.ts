import type { Config } from '../../src/utility-ops/config/schema.ts';
import type { RoleContext } from '../process/role-process.ts';
import { serveIndex, type IndexOptions } from './serve-index.ts';

/** Settings of the index process. */
export interface IndexSettings extends IndexOptions { readonly kafka: Config['kafka'] }

/** The index of a gateway node: what happens in the cluster, in a database of its own. */
export async function indexRole(settings: unknown, ctx: RoleContext): Promise<void> {
  const options = settings as IndexSettings; // sent by the root of the same version
  throw new Error(`connectKafka is not merged yet: ${options.file} ${typeof serveIndex} ${ctx.name}`);
}
