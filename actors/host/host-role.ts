import { openKafkaLink } from '../process/kafka-link.ts';
import type { RoleContext } from '../process/role-process.ts';
import { serveHost, type HostDuty } from './serve-host.ts';

/** Settings of a host process. */
export type HostRoleSettings = HostDuty;

/** Feeds the vision processes of a node from Kafka and commits what they answer; lives on while they come and go. */
export async function hostRole(settings: unknown, ctx: RoleContext): Promise<void> {
  const options = settings as HostRoleSettings; // sent by the root of the same version
  const link = openKafkaLink({ kafka: options.kafka, name: ctx.name, clock: ctx.clock, random: ctx.random, log: ctx.log });
  ctx.signal.addEventListener('abort', () => { void ctx.clock.sleep(CLOSE_LATEST_MS).then(() => link.close()); }, { once: true }); // whatever still waits for the brokers ends
  try {
    await serveHost(options, { kafka: link.node, codecs: link.codecs }, ctx);
  } finally {
    await link.close();
  }
}

/** A node that stops waits no longer than this for brokers that are away. */
const CLOSE_LATEST_MS = 1_500;
