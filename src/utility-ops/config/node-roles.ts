import { PlatformError } from '../../engine/errors.ts';
import type { Config, NODE_ROLES } from './schema.ts';

/** What a node of a cluster does. */
export type NodeRole = (typeof NODE_ROLES)[number];

/** What this node does, and how it is linked to the others. */
export interface NodePlan {
  /** Kafka carries what flows between nodes; false: everything runs on this machine. */
  readonly isCluster: boolean;
  readonly hasCameras: boolean;
  /** Recordings are kept up to `recording.maxBytes`; false: only until they are on Kafka. */
  readonly keepsRecordings: boolean;
  /** Chunks become features here, for detectors elsewhere. */
  readonly makesFeatures: boolean;
  /** Detects: on chunks, or on features when `vision.isSplit`. */
  readonly detects: boolean;
  /** Collects the records of all nodes and serves them. */
  readonly serves: boolean;
}

/**
 * What the roles of the settings mean together.
 * @throws PlatformError CONFIG_INVALID for roles that cannot work as they are
 */
export function planNode(config: Pick<Config, 'roles' | 'kafka' | 'vision'>): NodePlan {
  const isCluster = config.kafka.brokers.length > 0;
  const { isSplit } = config.vision;
  if (!isCluster && config.roles.length > 0) throw invalid(`roles ${config.roles.join(', ')} need Kafka between the nodes: name its brokers with --kafka or kafka.brokers`, 'roles');
  if (!isCluster && isSplit) throw invalid('vision.isSplit needs Kafka: name its brokers with --kafka or kafka.brokers', 'vision.isSplit');
  const roles: ReadonlySet<NodeRole> = new Set(config.roles.length > 0 ? config.roles : ['camera', 'recorder', 'detector', 'gateway', ...(isSplit ? ['featurizer' as const] : [])]);
  if (roles.has('featurizer') && !isSplit) throw invalid('role featurizer is for split vision: set vision.isSplit = true, also for the detectors', 'roles');
  if (roles.has('recorder') && !roles.has('camera')) throw invalid('role recorder keeps what the cameras of its own node record: give the node role camera too', 'roles');
  return {
    isCluster, hasCameras: roles.has('camera'), keepsRecordings: roles.has('recorder'), makesFeatures: roles.has('featurizer'), detects: roles.has('detector'), serves: roles.has('gateway'),
  };
}

function invalid(message: string, path: string): PlatformError {
  return new PlatformError('CONFIG_INVALID', message, { path });
}
