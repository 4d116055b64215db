import type { Actor } from '../../src/engine/actor.ts';
import type { Clock } from '../../src/engine/clock.ts';
import { untilAborted } from '../../src/engine/timers.ts';
import { createGateway, type GatewayAddress } from '../../src/serving-ops/gateway.ts';
import type { ServingBackend } from '../../src/serving-ops/service.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import type { Logger } from '../../src/utility-ops/log.ts';

/** Options of the gateway actor. */
export interface GatewayActorOptions {
  readonly backend: ServingBackend;
  readonly config: Config['serving'];
  /** How publishers are served. */
  readonly whip: Config['webrtc'];
  /** What the names of the Kafka topics begin with. */
  readonly topicPrefix: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onListening: (address: GatewayAddress) => void;
}

const CLOSE_MS = 1_000;

/** The HTTP face, as long as it is wanted. A port that is taken escalates with its clear message. */
export function gatewayActor(options: GatewayActorOptions): Actor {
  const { backend, clock, log, config, topicPrefix } = options;
  return {
    name: 'gateway',
    run: async ctx => {
      const gateway = await createGateway({
        backend, clock, log, host: config.httpHost, port: config.httpPort, allowStreams: config.allowStreams, maxStreams: config.maxStreams, tokens: config.tokens, topicPrefix, whip: options.whip,
      });
      try {
        const address = await gateway.listen();
        ctx.status(`listening on ${address.url}`);
        options.onListening(address);
        await untilAborted(ctx.signal);
      } finally {
        await gateway.close({ deadlineMs: CLOSE_MS });
      }
    },
  };
}
