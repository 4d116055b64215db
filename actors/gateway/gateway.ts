import type { Actor } from '../../src/engine/actor.ts';
import type { Random } from '../../src/engine/random.ts';
import type { Clock } from '../../src/engine/clock.ts';
import { untilAborted } from '../../src/engine/timers.ts';
import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import { createGateway, type GatewayAddress } from '../../src/serving-ops/gateway.ts';
import type { ServingBackend } from '../../src/serving-ops/service.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import type { Logger } from '../../src/utility-ops/log.ts';
import type { Recorder } from '../../src/utility-ops/telemetry/recorder.ts';
import { JsmpegProcesses } from '../preview/jsmpeg-processes.ts';
import type { DeskAccess } from '../root/camera-desks.ts';

/** Options of the gateway actor. */
export interface GatewayActorOptions {
  readonly backend: ServingBackend;
  /** Where the cameras of this node answer. */
  readonly desks: () => Pick<DeskAccess, 'socketOf'>;
  readonly config: Config['serving'];
  /** How publishers are served. */
  readonly whip: Config['webrtc'];
  /** What the names of the Kafka topics begin with. */
  readonly topicPrefix: string;
  readonly clock: Clock;
  readonly telemetry: Pick<Recorder, 'count' | 'set'>;
  readonly log: Logger;
  readonly random: Random;
  /** A line of a process below. */
  readonly onLine: (process: string, line: string) => void;
  /** Tells of what happened. */
  readonly report: (event: PlatformEvent) => void;
  readonly onListening: (address: GatewayAddress) => void;
}

const CLOSE_MS = 1_000;

/** The HTTP face, as long as it is wanted. A port that is taken escalates with its clear message. */
export function gatewayActor(options: GatewayActorOptions): Actor {
  const { backend, clock, random, telemetry, log, config, topicPrefix, desks, onLine, report } = options;
  return {
    name: 'gateway',
    run: async ctx => {
      const jsmpeg = new JsmpegProcesses({
        supervise: (actor, policy) => ctx.supervise(actor, policy), deskOf: camera => desks().socketOf(camera), clock, random, onLine,
        onFailed: (camera, { error: { code, message } }) => {
          log.error({ camera, code, reason: message }, 'no pictures for old players');
          report({ type: 'process', at: clock.now(), process: `jsmpeg ${camera}`, state: 'exited', generation: 1, message: `${code}: ${message}` });
        },
      });
      const gateway = await createGateway({
        backend, jsmpeg, clock, log, host: config.httpHost, port: config.httpPort, allowStreams: config.allowStreams, maxStreams: config.maxStreams, tokens: config.tokens,
        live: { viewers: (camera, count) => telemetry.set('liveViewers', { camera }, count), dropped: camera => telemetry.count('liveDropped', { camera }) }, topicPrefix, whip: options.whip,
      });
      try {
        const address = await gateway.listen();
        ctx.status(`listening on ${address.url}`);
        options.onListening(address);
        await untilAborted(ctx.signal);
      } finally {
        await gateway.close({ deadlineMs: CLOSE_MS });
        await jsmpeg.close();
      }
    },
  };
}
