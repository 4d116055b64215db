import type { FastifyInstance } from 'fastify';
import type { PartitionLag } from '../data-ops/group-lag.ts';
import type { Face } from './face.ts';
import { NoQuery, parseRequest } from './requests.ts';

/** The partitions of one group and topic together: `seconds` is that of the partition that is furthest behind. */
function groupJson(group: string, topic: string, partitions: readonly PartitionLag[]): object {
  const known = partitions.map(({ seconds }) => seconds).filter(seconds => seconds !== null);
  return {
    group, topic, records: partitions.reduce((sum, { records }) => sum + records, 0), seconds: known.length === 0 ? null : Math.max(...known),
    partitions: partitions.map(({ partition, offset, end, records, seconds }) => ({ partition, offset, end, records, seconds })),
  };
}

/** How far the consumer groups of a cluster are behind. */
export function lagRoutes(app: FastifyInstance, face: Face): void {
  app.get('/api/v1/lag', (request) => {
    parseRequest(NoQuery, request.query, 'query');
    const byGroup = Map.groupBy(face.backend.lag(), ({ group, topic }) => JSON.stringify([group, topic]));
    return { groups: [...byGroup.values()].map((partitions) => groupJson(partitions[0]?.group ?? '', partitions[0]?.topic ?? '', partitions)) };
  });
}
