import { Server, type AddressInfo } from 'node:net';
import { fastify, type FastifyInstance } from 'fastify';
import type { Clock } from '../engine/clock.ts';
import { PlatformError } from '../engine/errors.ts';
import { createAllowList } from './allow-stream.ts';
import { createAuthorizer } from './authorize.ts';
import { cameraRoutes } from './camera-routes.ts';
import { discoveryRoutes } from './discovery-routes.ts';
import { errorReplies, refuseConnection, sendProblem } from './error-replies.ts';
import type { Face, GatewayCounts } from './face.ts';
import { FEATURES_PATH, featureRoutes } from './feature-routes.ts';
import { healthRoutes } from './health-routes.ts';
import { historyRoutes } from './history-routes.ts';
import { guardRequest, isLoopbackHost } from './host-guard.ts';
import { INFER_PATH, inferRoutes } from './infer-route.ts';
import { lagRoutes } from './lag-routes.ts';
import { LiveHub, type LiveObserver } from './live/live-hub.ts';
import { LIVE_FILE_PATH, liveRoutes } from './live/live-routes.ts';
import { isSocketRequest, liveSockets } from './live/live-sockets.ts';
import { Snapshots } from './live/snapshots.ts';
import type { ServingLog } from './log.ts';
import { pageRoutes } from './live/page-routes.ts';
import { modelRoutes } from './model-routes.ts';
import { REGISTRY_ENDPOINTS, registryRoutes } from './registry-routes.ts';
import { ptzRoutes } from './ptz-routes.ts';
import { scrubbedJson } from './scrub.ts';
import type { JsmpegAccess, ServingBackend } from './service.ts';
import { createStreamSlots } from './stream-slots.ts';
import { STREAM_SCHEMES, type StreamScheme } from './stream-uri.ts';
import { whipRoutes, type WhipFaceOptions } from './whip-routes.ts';

/** What a gateway needs and may be told. */
export interface GatewayOptions {
  readonly backend: ServingBackend;
  /** Pictures for old players. @default none */
  readonly jsmpeg?: JsmpegAccess;
  readonly clock: Clock;
  readonly log: ServingLog;
  /** Address to listen on. Beyond loopback, adding cameras needs `allowStreams` too. @default '127.0.0.1' */
  readonly host?: string;
  /** 0: any free port. */
  readonly port: number;
  /** `--allow-stream` patterns: streams and files that callers may have opened. @default [] */
  readonly allowStreams?: readonly string[];
  /** More names this server answers to, besides loopback ones; beyond loopback an empty list means any. @default [] */
  readonly allowHosts?: readonly string[];
  /** Tokens of which every request needs one, but those of OPEN_ROUTES. @default []: none is needed */
  readonly tokens?: readonly string[];
  /** How publishers are served. @default nobody of another origin, no ICE servers */
  readonly whip?: WhipFaceOptions;
  /** Told who watches cameras live. @default nobody */
  readonly live?: LiveObserver;
  /** Schemes that the source plugins serve. @default STREAM_SCHEMES */
  readonly schemes?: readonly StreamScheme[];
  /** Cameras streamed at once, over all clients. @default 64 */
  readonly maxStreams?: number;
  /** A reader whose write buffer (64 KiB) does not empty within this time is disconnected. @default 10000 */
  readonly slowReaderMs?: number;
  /** What a stream's reader gets to take its last bytes. @default 2000 */
  readonly lingerMs?: number;
  /** What the backend gets to answer a request, or to open a stream. @default 30000 */
  readonly answerMs?: number;
  /** What the names of the Kafka topics begin with, whose schemas are served. @default 'vto' */
  readonly topicPrefix?: string;
  /** Connections at once, streams included. @default 1024 */
  readonly maxConnections?: number;
}

/** Where a gateway listens. */
export interface GatewayAddress { readonly host: string; readonly port: number; readonly url: string }

/** The HTTP face of the platform. */
export interface Gateway {
  /** @throws PlatformError CONFIG_INVALID when the address cannot be used, naming `--port` or `--host` */
  listen(): Promise<GatewayAddress>;
  /**
   * Stops accepting, ends every stream with a last line, lets requests in flight finish, and cuts what is left at the deadline.
   * Idempotent; never rejects.
   */
  close(options: { readonly deadlineMs: number }): Promise<void>;
  counts(): Readonly<GatewayCounts> & { readonly openStreams: number };
}

/** Routes that need no token: how this node is, and the schemas of the topics. */
const OPEN_ROUTES: ReadonlySet<string> = new Set(['/', '/healthz', '/readyz', '/metrics', ...REGISTRY_ENDPOINTS.map(({ path }) => path)]);

/** Answers that go on for as long as the client reads. */
const ENDLESS_PATHS: ReadonlySet<string> = new Set([INFER_PATH, FEATURES_PATH, LIVE_FILE_PATH]);

const BODY_LIMIT_BYTES = 64 * 1024;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 15_000;
const KEEP_ALIVE_TIMEOUT_MS = 10_000;
const CHECK_INTERVAL_MS = 1_000;

const NO_JSMPEG: JsmpegAccess = {
  watch() { throw new PlatformError('ROLE_ABSENT', 'nothing makes pictures for old players here'); },
};

function createFace(options: GatewayOptions): Face {
  const schemes = options.schemes ?? STREAM_SCHEMES;
  return {
    backend: options.backend, jsmpeg: options.jsmpeg ?? NO_JSMPEG, clock: options.clock, log: options.log, schemes,
    allowList: createAllowList(options.allowStreams ?? [], schemes),
    slots: createStreamSlots(options.maxStreams ?? 64), hub: new LiveHub({ ...options, observer: options.live }),
    snapshots: new Snapshots(() => options.backend.live, options.clock, options.answerMs ?? 30_000),
    counts: { requests: 0, failures: 0, refusedStreams: 0, openedStreams: 0, sentLines: 0, slowReaders: 0, lateFrames: 0, liveDropped: 0 },
    whip: options.whip ?? { allowOrigins: [], iceServers: [] },
    isLoopbackOnly: isLoopbackHost(options.host ?? '127.0.0.1'),
    slowReaderMs: options.slowReaderMs ?? 10_000, lingerMs: options.lingerMs ?? 2_000, answerMs: options.answerMs ?? 30_000,
  };
}

function createApp(face: Face): FastifyInstance {
  const app = fastify({
    logger: false, bodyLimit: BODY_LIMIT_BYTES, requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    forceCloseConnections: true, onProtoPoisoning: 'error', onConstructorPoisoning: 'error',
    routerOptions: { maxParamLength: 200 },
    clientErrorHandler: refuseConnection,
    frameworkErrors: (error, request, reply) => { sendProblem(face, error, request, reply); },
    http: { headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: CHECK_INTERVAL_MS, keepAlive: true, keepAliveInitialDelay: 30_000, shouldUpgradeCallback: isSocketRequest },
  });
  app.removeContentTypeParser('text/plain');
  app.addContentTypeParser('application/merge-patch+json', { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'));
  app.setReplySerializer(scrubbedJson);
  app.addHook('onRoute', (route) => { if (!ENDLESS_PATHS.has(route.url)) route.handlerTimeout = face.answerMs; });
  return app;
}

function listenError(error: unknown, host: string, port: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const place = `port ${String(port)} of '${host}'`;
  switch (code) {
    case 'EADDRINUSE': return new PlatformError('CONFIG_INVALID', `${place} is in use by another program; choose another with --port`, { field: 'serving.port' }, error);
    case 'EACCES': return new PlatformError('CONFIG_INVALID', `${place} needs rights this process lacks; choose one above 1023 with --port`, { field: 'serving.port' }, error);
    case 'ERR_SOCKET_BAD_PORT': return new PlatformError('CONFIG_INVALID', `${place} is no port; choose 0 to 65535 with --port`, { field: 'serving.port' }, error);
    case 'EADDRNOTAVAIL': case 'ENOTFOUND': case 'EAI_AGAIN': case 'EINVAL':
      return new PlatformError('CONFIG_INVALID', `'${host}' is no address of this machine; choose another with --host`, { field: 'serving.host' }, error);
    default: return error;
  }
}

/** Requests whose response is not finished yet. */
interface InFlight { add(response: NodeJS.EventEmitter): void; idle(): Promise<void> }

function countInFlight(): InFlight {
  let count = 0;
  let waiting: (() => void)[] = [];
  return {
    add(response) {
      count++;
      response.once('close', () => {
        count--;
        if (count > 0) return;
        for (const wake of waiting) wake();
        waiting = [];
      });
    },
    idle: () => (count === 0 ? Promise.resolve() : new Promise((resolve) => { waiting.push(resolve); })),
  };
}

async function stopServing(app: FastifyInstance, face: Face, inFlight: InFlight, deadlineMs: number): Promise<void> {
  Server.prototype.close.call(app.server); // stops listening only: http's close (v24) also cuts responses that are ended but not yet sent
  face.slots.abortAll(new PlatformError('SHUTTING_DOWN', 'vto is stopping'));
  const timer = new AbortController();
  await Promise.race([inFlight.idle(), face.clock.sleep(deadlineMs, timer.signal).catch(() => undefined)]);
  timer.abort();
  app.server.closeAllConnections();
  await app.close();
}

/**
 * Builds the gateway; it listens only when told to.
 * @throws PlatformError CONFIG_INVALID when an `allowStreams` pattern is malformed
 */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const face = createFace(options);
  const host = options.host ?? '127.0.0.1';
  const guard = { boundHost: host, allowHosts: options.allowHosts ?? [] };
  const authorizer = createAuthorizer(options.tokens ?? []);
  const app = createApp(face);
  const inFlight = countInFlight();
  let closing: Promise<void> | undefined;
  app.addHook('onRequest', (request, reply, done) => {
    face.counts.requests++;
    inFlight.add(reply.raw);
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    if (closing !== undefined) { reply.header('connection', 'close'); throw new PlatformError('SHUTTING_DOWN', 'vto is stopping'); }
    const { url: route = '/', config } = request.routeOptions; // of the route that answers: the spelling of the path does not matter
    guardRequest(request, { ...guard, allowOrigins: config.isPublishing === true ? face.whip.allowOrigins : [] });
    if (!OPEN_ROUTES.has(route) && config.isOpen !== true) authorizer.check({ header: request.headers.authorization, query: config.takesQueryToken === true ? (request.query as { readonly access_token?: unknown }).access_token : undefined });
    done();
  });
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (closing !== undefined) reply.header('connection', 'close');
    done(null, payload);
  });
  errorReplies(app, face);
  for (const routes of [healthRoutes, cameraRoutes, featureRoutes, historyRoutes, lagRoutes, modelRoutes, inferRoutes, ptzRoutes, discoveryRoutes, liveRoutes, pageRoutes, whipRoutes]) routes(app, face);
  registryRoutes(app, options.topicPrefix ?? 'vto');
  liveSockets(app.server, face, {
    check({ method = '', headers }, token) {
      if (closing !== undefined) throw new PlatformError('SHUTTING_DOWN', 'vto is stopping');
      guardRequest({ method, headers }, guard);
      authorizer.check({ header: headers.authorization, query: token });
    },
  });
  await app.ready();
  app.server.maxConnections = options.maxConnections ?? 1024;
  return {
    async listen() {
      try {
        await app.listen({ host, port: options.port });
      } catch (error) {
        throw listenError(error, host, options.port);
      }
      const { port } = app.server.address() as AddressInfo; // a TCP listener has one
      const url = `http://${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
      face.log.debug({ url }, 'gateway listens');
      return { host, port, url };
    },
    close({ deadlineMs }) {
      closing ??= stopServing(app, face, inFlight, deadlineMs);
      return closing;
    },
    counts: () => ({ ...face.counts, openStreams: face.slots.openCount() }),
  };
}
