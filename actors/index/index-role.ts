import type { Config } from '../../src/utility-ops/config/schema.ts';
import { openKafkaLink } from '../process/kafka-link.ts';
import type { RoleContext } from '../process/role-process.ts';
import { serveIndex, type IndexOptions } from './serve-index.ts';

/** Settings of the index process. */
export interface IndexSettings extends IndexOptions { readonly kafka: Config['kafka'] }

/** The index of a gateway node: what happens in the cluster, in a database of its own. */
export async function indexRole(settings: unknown, ctx: RoleContext): Promise<void> {
  const options = settings as IndexSettings; // sent by the root of the same version
  const link = openKafkaLink({ kafka: options.kafka, name: ctx.name, clock: ctx.clock, random: ctx.random, log: ctx.log });
  try {
    await serveIndex(options, link, ctx);
  } finally {
    await link.close();
  }
}
