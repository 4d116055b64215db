import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { PlatformError } from '../engine/errors.ts';
import { discoverOnvif } from '../ingress/onvif/discover.ts';
import type { Face } from './face.ts';
import { parseRequest } from './requests.ts';

/** Query of `GET /api/v1/discovery`. */
const DiscoveryQuery = z.strictObject({
  seconds: z.string().regex(/^\d{1,2}$/, 'must be a whole number').transform(Number).pipe(z.number().min(1).max(15)).default(3),
  interface: z.string().min(1).max(64).optional(),
});

/** Cameras that answer on the networks of this machine. */
export function discoveryRoutes(app: FastifyInstance, face: Face): void {
  let isLooking = false;
  app.get('/api/v1/discovery', async (request, reply) => {
    const { seconds, interface: networkInterface } = parseRequest(DiscoveryQuery, request.query, 'query');
    if (isLooking) throw new PlatformError('OVERLOADED', 'cameras are being looked for already');
    isLooking = true;
    const left = new AbortController();
    reply.raw.once('close', () => { left.abort(new PlatformError('SHUTTING_DOWN', 'the client has left')); });
    try {
      const { devices, unreadable } = await discoverOnvif({ forMs: seconds * 1_000, clock: face.clock, ...networkInterface !== undefined && { networkInterface } }, left.signal);
      return { devices, unreadable };
    } finally {
      isLooking = false;
    }
  });
}
