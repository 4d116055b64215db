import { openKafka } from '../process/open-kafka.ts';
import type { RoleContext } from '../process/role-process.ts';
import { serveHost, type HostDuty } from './serve-host.ts';

/** Stands between Kafka and the vision processes of a node, and outlives them. */
export async function hostRole(settings: unknown, ctx: RoleContext): Promise<void> {
  const options = settings as HostDuty; // sent by the root of the same version
  const access = await openKafka(options.kafka, ctx);
  try {
    await serveHost(options, access, ctx);
  } finally {
    await access.kafka.close();
  }
}
