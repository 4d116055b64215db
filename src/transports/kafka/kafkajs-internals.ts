import { createRequire } from 'node:module';
import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { abortable } from '../../engine/abortable.ts';

// The one place that reaches below the public face of kafkajs, which is why its version is pinned (checked by test/transports/kafka).
// kafkajs brings connections, TLS, SASL, negotiation of versions and the request formats. Its producer and consumer are not used: the producer
// loses records when a leader changes between tries (src/producer/sendMessages.js keys what is done by broker), the consumer ties heartbeats to fetching.
const require = createRequire(import.meta.url);
const KafkaCluster = require('kafkajs/src/cluster/index.js') as new (options: object) => Cluster;
const { requests, lookup } = require('kafkajs/src/protocol/requests/index.js') as { requests: Record<string, unknown>; lookup: (versions: unknown) => (apiKey: number, definition: unknown) => (params: object) => Protocol };
const API_KEYS = require('kafkajs/src/protocol/requests/apiKeys.js') as Record<string, number>;
const RequestQueue = require('kafkajs/src/network/requestQueue/index.js') as { prototype: { scheduleCheckPendingRequests(): void } };

/** The version of kafkajs this file was written for. */
export const KAFKAJS_VERSION = '2.2.4';

/** The version of kafkajs that is installed. */
export function installedKafkajs(): string {
  return (require('kafkajs/package.json') as { version: string }).version;
}

const schedule = RequestQueue.prototype.scheduleCheckPendingRequests;
// Without requests that wait it sets a timer of a negative time at every answer: TimeoutNegativeWarning on Node 24 (tulios/kafkajs#1751).
RequestQueue.prototype.scheduleCheckPendingRequests = function scheduleWhenNeeded(this: { pending: unknown[] }): void {
  if (this.pending.length > 0) schedule.call(this as never);
};

interface Protocol { readonly request: object; readonly response: { decode(payload: Buffer): Promise<unknown> }; readonly requestTimeout?: number }

interface RequestEntry { apiKey: number; apiName: string; apiVersion: number; correlationId: number; resolve(answer: { payload: Buffer }): void; reject(error: unknown): void }

interface Connection {
  socket?: Socket;
  readonly requestQueue: { push(request: { entry: RequestEntry; expectResponse: boolean; requestTimeout: number | null; sendRequest(): void }): void; maybeThrottle(ms: number): void; rejectAll(error: Error): void };
  isAuthenticated(): boolean;
  authenticate(): Promise<void>;
  failIfNotConnected(): void;
  nextCorrelationId(): number;
}

interface ConnectionPool {
  readonly pool: readonly Connection[];
  send(protocol: Protocol & { readonly response: object }): Promise<unknown>;
  getConnection(index: number): Promise<Connection>;
}

interface KafkajsBroker {
  nodeId: number;
  versions: unknown;
  readonly connectionPool: ConnectionPool;
  metadata(topics: readonly string[]): Promise<unknown>;
  disconnect(): Promise<void>;
}

interface Pool {
  brokers: Record<string, KafkajsBroker>;
  seedBroker: KafkajsBroker | undefined;
  metadata: Metadata | null;
  createBroker(options: object): KafkajsBroker;
  findConnectedBroker(): Promise<KafkajsBroker>;
  refreshMetadata(topics: readonly string[]): Promise<void>;
}

interface Cluster { readonly brokerPool: Pool; findBroker(of: { nodeId: number }): Promise<KafkajsBroker>; disconnect(): Promise<void> }

/** What brokers say about topics. */
export interface Metadata {
  readonly brokers: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[];
  readonly controllerId: number;
  readonly topicMetadata: readonly {
    readonly topicErrorCode: number; readonly topic: string;
    readonly partitionMetadata: readonly { readonly partitionErrorCode: number; readonly partitionId: number; readonly leader: number }[];
  }[];
}

/** Where and how to connect. */
export interface LinkSettings {
  /** `host:port` each. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly tls?: ConnectionOptions;
  readonly sasl?: { readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; readonly username: string; readonly password: string };
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

/** A request whose bytes are ours: the parts are written as they are, so they must not change until the answer is here. */
export interface RawRequest { readonly apiName: 'Produce' | 'Fetch'; readonly apiVersion: number; readonly parts: readonly Buffer[] }

/** A connected broker. */
export interface Broker {
  readonly nodeId: number;
  /** A request in a format of kafkajs. Error codes are left in the answer. */
  ask(apiName: string, params: object): Promise<unknown>;
  /** A request in our own bytes; resolves with the bytes of the answer. */
  askRaw(request: RawRequest): Promise<Buffer>;
}

const SILENT = { namespace: () => SILENT, debug() { /* our callers report what fails */ }, info() { /* as debug */ }, warn() { /* as debug */ }, error() { /* as debug */ } } as { namespace(): unknown };

/** Connections to a cluster: at most two to each broker, one of them for fetching. Tries nothing twice: callers do. */
export class KafkaLink {
  readonly #cluster: Cluster;
  readonly #clientId: string;
  readonly #sockets = new Set<Socket>();
  readonly #coordinators = new Map<string, number>();
  readonly #topics = new Set<string>();
  /** Aborts when the connection to a broker is given up. */
  readonly #lost = new WeakMap<KafkajsBroker, AbortController>();
  /** Aborts when any is. */
  #anyLost = new AbortController();
  #isClosed = false;

  constructor(settings: LinkSettings) {
    this.#clientId = settings.clientId;
    this.#cluster = new KafkaCluster({
      logger: SILENT, brokers: settings.brokers, clientId: settings.clientId, ssl: settings.tls ?? null, sasl: settings.sasl ?? null,
      connectionTimeout: settings.connectTimeoutMs, authenticationTimeout: settings.connectTimeoutMs, requestTimeout: settings.requestTimeoutMs, enforceRequestTimeout: true,
      metadataMaxAge: 300_000, allowAutoTopicCreation: false, maxInFlightRequests: null, retry: { retries: 0 },
      socketFactory: (target: { host: string; port: number; ssl: ConnectionOptions | null; onConnect: () => void }) => this.#open(target),
    });
    const pool = this.#cluster.brokerPool;
    const create = pool.createBroker;
    pool.createBroker = options => {
      const broker = create(options);
      // kafkajs fails as a whole when one partition has no leader, and asks for all topics when it is asked for none.
      broker.metadata = topics => ask(broker, 'Metadata', { topics: topics.length === 0 ? [''] : topics, allowAutoTopicCreation: false });
      return broker;
    };
  }

  /** What the last `refresh` brought. */
  get metadata(): Metadata | undefined { return this.#cluster.brokerPool.metadata ?? undefined; }

  /** Asks the brokers about these topics and all of earlier calls, connecting first where needed. */
  async refresh(topics: readonly string[]): Promise<void> {
    for (const topic of topics) this.#topics.add(topic);
    await this.#guarded(undefined, () => this.#cluster.brokerPool.refreshMetadata([...this.#topics]));
  }

  /** Leader of each partition, -1 where there is none; undefined while the topic is not known. */
  leaders(topic: string): readonly number[] | undefined {
    const found = this.metadata?.topicMetadata.find(each => each.topic === topic);
    if (found === undefined || found.topicErrorCode !== 0 || found.partitionMetadata.length === 0) return undefined;
    const leaders: number[] = found.partitionMetadata.map(() => -1);
    for (const { partitionId, leader, partitionErrorCode } of found.partitionMetadata) if (partitionErrorCode !== 5) leaders[partitionId] = leader;
    return leaders;
  }

  /** Error code of a topic in the last metadata; undefined when it was not asked for. */
  topicError(topic: string): number | undefined {
    return this.metadata?.topicMetadata.find(each => each.topic === topic)?.topicErrorCode;
  }

  async broker(nodeId: number): Promise<Broker> {
    const broker = await this.#guarded(undefined, () => this.#cluster.findBroker({ nodeId }));
    return this.#brokerOf(broker);
  }

  async anyBroker(): Promise<Broker> {
    return this.#brokerOf(await this.#guarded(undefined, () => this.#cluster.brokerPool.findConnectedBroker()));
  }

  /** The broker that keeps a group or a transactional id; remembered until `forgetCoordinator`. */
  async coordinator(kind: 'group' | 'transaction', key: string): Promise<Broker> {
    const known = this.#coordinators.get(`${kind} ${key}`);
    if (known !== undefined) return this.broker(known);
    const any = await this.anyBroker();
    const found = await any.ask('GroupCoordinator', { groupId: key, coordinatorKey: key, coordinatorType: kind === 'group' ? 0 : 1 }) as { errorCode: number; coordinator: { nodeId: number } };
    if (found.errorCode !== 0) throw new BrokerError(found.errorCode, `no coordinator of ${kind} '${key}'`);
    if (this.#cluster.brokerPool.brokers[found.coordinator.nodeId] === undefined) await this.refresh([]);
    this.#coordinators.set(`${kind} ${key}`, found.coordinator.nodeId);
    return this.broker(found.coordinator.nodeId);
  }

  forgetCoordinator(kind: 'group' | 'transaction', key: string): void {
    this.#coordinators.delete(`${kind} ${key}`);
  }

  /** Ends all connections at once: requests under way reject. Idempotent. */
  close(): void {
    this.#isClosed = true;
    const { brokers, seedBroker } = this.#cluster.brokerPool;
    for (const broker of new Set([...Object.values(brokers), ...(seedBroker === undefined ? [] : [seedBroker])])) this.#drop(broker);
    for (const socket of this.#sockets) socket.destroy();
    this.#anyLost.abort(givenUp());
  }

  #open({ host, port, ssl, onConnect }: { host: string; port: number; ssl: ConnectionOptions | null; onConnect: () => void }): Socket {
    const socket = ssl === null ? connectPlain({ host, port }, onConnect) : connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...ssl }, onConnect);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    return socket;
  }

  #brokerOf(broker: KafkajsBroker): Broker {
    return {
      nodeId: broker.nodeId,
      ask: (apiName, params) => this.#guarded(broker, () => ask(broker, apiName, params)),
      askRaw: request => this.#guarded(broker, () => askRaw(broker, this.#clientId, request)),
    };
  }

  async #guarded<Answer>(broker: KafkajsBroker | undefined, act: () => Promise<Answer>): Promise<Answer> {
    if (this.#isClosed) throw new Error('the connection to Kafka is closed');
    const lost = broker === undefined ? this.#anyLost : this.#lostOf(broker);
    try {
      // What is sent on a connection that is being given up has no answer, no failure and no time-out: kafkajs has stopped its clock.
      return await abortable(act(), lost.signal);
    } catch (error) {
      // A connection keeps the start of a broken answer: it is never used again.
      if (broker !== undefined && isConnectionFailure(error)) this.#drop(broker);
      throw error;
    }
  }

  #lostOf(broker: KafkajsBroker): AbortController {
    const lost = this.#lost.get(broker) ?? new AbortController();
    this.#lost.set(broker, lost);
    return lost;
  }

  #drop(broker: KafkajsBroker): void {
    const pool = this.#cluster.brokerPool;
    this.#lostOf(broker).abort(givenUp());
    this.#anyLost.abort(givenUp());
    this.#anyLost = new AbortController();
    for (const [nodeId, each] of Object.entries(pool.brokers)) if (each === broker) delete pool.brokers[nodeId];
    if (pool.seedBroker === broker) pool.seedBroker = Object.values(pool.brokers)[0]; // none only where no broker is known: kafkajs makes a new one then
    for (const connection of broker.connectionPool.pool) {
      connection.requestQueue.rejectAll(givenUp());
      connection.socket?.destroy();
    }
    broker.disconnect().catch(() => { /* it has no connection any more */ });
  }
}

function givenUp(): Error { return new Error('the connection was given up'); }

/** An answer of a broker that is an error. Codes: https://kafka.apache.org/protocol#protocol_error_codes */
export class BrokerError extends Error {
  readonly code: number;

  constructor(code: number, what: string) {
    super(`${what} (Kafka error ${code})`);
    this.name = 'BrokerError';
    this.code = code;
  }
}

function isConnectionFailure(error: unknown): boolean {
  return error instanceof Error && /Connection|Timeout|given up/.test(`${error.name} ${error.message}`);
}

async function ask(broker: KafkajsBroker, apiName: string, params: object): Promise<unknown> {
  const protocol = lookup(broker.versions)(API_KEYS[apiName] ?? -1, requests[apiName])(params);
  return broker.connectionPool.send({ ...protocol, response: { decode: (payload: Buffer) => protocol.response.decode(payload), parse: async (decoded: unknown) => decoded } as Protocol['response'] });
}

/** Writes a request as it lies in memory: kafkajs itself copies every value six times on its way to the socket. */
async function askRaw(broker: KafkajsBroker, clientId: string, { apiName, apiVersion, parts }: RawRequest): Promise<Buffer> {
  const connection = await broker.connectionPool.getConnection(apiName === 'Fetch' ? 1 : 0);
  if (!connection.isAuthenticated()) await connection.authenticate();
  connection.failIfNotConnected();
  const apiKey = API_KEYS[apiName] ?? -1;
  const correlationId = connection.nextCorrelationId();
  const clientBytes = Buffer.from(clientId);
  const head = Buffer.allocUnsafe(14 + clientBytes.length);
  head.writeInt32BE(10 + clientBytes.length + parts.reduce((sum, part) => sum + part.length, 0), 0);
  head.writeInt16BE(apiKey, 4);
  head.writeInt16BE(apiVersion, 6);
  head.writeInt32BE(correlationId, 8);
  head.writeInt16BE(clientBytes.length, 12);
  clientBytes.copy(head, 14);
  const { payload } = await new Promise<{ payload: Buffer }>((resolve, reject) => {
    connection.requestQueue.push({
      entry: { apiKey, apiName, apiVersion, correlationId, resolve, reject }, expectResponse: true, requestTimeout: null,
      sendRequest() {
        const { socket } = connection;
        socket?.cork();
        socket?.write(head);
        for (const part of parts) socket?.write(part);
        socket?.uncork();
      },
    });
  });
  return payload;
}
