import type { CameraPosition } from '../../src/messages/position.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { KafkaNode } from '../../src/transports/kafka-types.ts';

/** Where positions are read. */
export interface PositionsQuery {
  readonly kafka: KafkaNode;
  readonly topic: string;
  readonly partition: number;
  readonly group: string;
  readonly decode: (value: Buffer) => CameraPosition;
  readonly signal: AbortSignal;
}

const FETCH_BYTES = 8 << 20;

/**
 * The newest committed position of each camera of a partition, up to the end of the topic as it is now; waits for transactions of other groups
 * that are open before it. To be called when no older owner can commit any more: else one of its positions might come later.
 */
export async function loadPositions({ kafka, topic, partition, group, decode, signal }: PositionsQuery): Promise<readonly CameraPosition[]> {
  const bounds = (await kafka.bounds(topic, 'uncommitted')).get(partition);
  const newest = new Map<CameraId, CameraPosition>();
  if (!bounds) return [];
  const reader = kafka.reader(topic, { isolation: 'committed', maxBytes: FETCH_BYTES });
  try {
    let next = bounds.begin;
    if (next < bounds.end) reader.seek(partition, 'earliest');
    while (next < bounds.end) {
      for (const { records, nextOffset } of await reader.read(signal)) {
        next = Math.max(next, nextOffset);
        for (const { key, value } of records) if (value && key?.startsWith(`${group}/`)) note(newest, decode(value), group);
      }
    }
  } finally {
    await reader.close();
  }
  return [...newest.values()];
}

function note(newest: Map<CameraId, CameraPosition>, position: CameraPosition, group: string): void {
  if (position.group === group) newest.set(position.camera, position);
}
