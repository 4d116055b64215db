import { PlatformError } from '../../engine/errors.ts';
import { deferred, withTimeout } from '../../engine/timers.ts';
import type { Assignment, GroupMember, GroupOffset, MemberOptions } from '../kafka-types.ts';
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription, PROTOCOL_NAME } from './group-protocol.ts';
import { BrokerError, type KafkaLink } from './kafkajs-internals.ts';
import { lastingFailure, patiently, reasonOf, type KafkaDeps } from './patience.ts';
import { assignSticky } from './sticky-assignment.ts';

/** Heartbeats come at least so often: by their answers a member hears that the group wants to share out anew. */
const HEARTBEAT_MS = 500;
const LEAVE_MS = 2000;

// https://kafka.apache.org/protocol#protocol_error_codes
const NOT_COORDINATOR = new Set([14, 15, 16]);
const ILLEGAL_GENERATION = 22;
const UNKNOWN_MEMBER = 25;
const REBALANCING = 27;

interface JoinAnswer { readonly errorCode: number; readonly generationId: number; readonly leaderId: string; readonly memberId: string; readonly members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[] }

/** Links of a member: its own, since a join holds the connection until all have joined, and one for what must not wait behind it. */
export interface MemberLinks { readonly own: KafkaLink; readonly shared: KafkaLink }

/** Membership in a consumer group: joins, hears, heartbeats, for ever and beside the work. */
export class HeartbeatMember implements GroupMember {
  readonly #links: MemberLinks;
  readonly #deps: KafkaDeps;
  readonly #options: MemberOptions;
  readonly #ended = new AbortController();
  readonly #running: Promise<void>;
  readonly #first = deferred<void>();
  #memberId = '';
  #generation = -1;
  /** A failure was reported and not overcome yet. */
  #isTrying = false;
  #assignment: Assignment | undefined;
  #onAssignment = deferred<void>();

  constructor(links: MemberLinks, deps: KafkaDeps, options: MemberOptions) {
    this.#links = links;
    this.#deps = deps;
    this.#options = options;
    this.#running = this.#run();
  }

  /** Resolves when the group took this member in and gave it its partitions. */
  get joined(): Promise<void> { return this.#first.promise; }

  get assignment(): Assignment | undefined { return this.#assignment; }

  async commit(offsets: readonly Omit<GroupOffset, 'group'>[]): Promise<void> {
    if (offsets.length === 0) return;
    const { group, sessionTimeoutMs } = this.#options;
    const topics = [...Map.groupBy(offsets, ({ topic }) => topic)].map(([topic, ofTopic]) => ({ topic, partitions: ofTopic.map(({ partition, offset }) => ({ partition, offset: BigInt(offset), metadata: null })) }));
    await patiently(async () => {
      const generation = this.#generation;
      const { shared } = this.#links;
      try {
        const coordinator = await shared.coordinator('group', group);
        const answer = await coordinator.ask('OffsetCommit', { groupId: group, groupGenerationId: generation, memberId: this.#memberId, retentionTime: -1, topics }) as { responses: readonly { partitions: readonly { errorCode: number }[] }[] };
        const code = answer.responses.flatMap(({ partitions }) => partitions).find(({ errorCode }) => errorCode !== 0)?.errorCode;
        if (code === undefined) return;
        if (code === UNKNOWN_MEMBER) throw this.#fenced(code);
        if (code === ILLEGAL_GENERATION || code === REBALANCING) await this.#awaitAssignment(generation, offsets, sessionTimeoutMs);
        throw new BrokerError(code, `offsets of group '${group}'`);
      } catch (error) {
        if (!(error instanceof BrokerError) || NOT_COORDINATOR.has(error.code)) shared.forgetCoordinator('group', group);
        throw error;
      }
    }, this.#deps, { signal: this.#ended.signal, giveUpMs: sessionTimeoutMs });
  }

  async close(): Promise<void> {
    if (this.#ended.signal.aborted) return;
    const reason = new PlatformError('PORT_CLOSED', `the member of group '${this.#options.group}' has left`);
    this.#ended.abort(reason);
    this.#first.promise.catch(() => { /* who waited for the joining hears it */ });
    this.#first.reject(reason);
    if (this.#memberId !== '') {
      const leaving = this.#links.shared.coordinator('group', this.#options.group).then(coordinator => coordinator.ask('LeaveGroup', { groupId: this.#options.group, memberId: this.#memberId }));
      await withTimeout(leaving, LEAVE_MS, this.#deps.clock, reason).catch(() => { /* then its session ends by itself */ });
    }
    this.#links.own.close();
    await this.#running;
  }

  #fenced(errorCode: number): PlatformError {
    return new PlatformError('KAFKA_FENCED', `group '${this.#options.group}' went on without this member`, { group: this.#options.group, errorCode });
  }

  /** While the group shares out anew nothing is committed: waits for the outcome, which may leave us the partitions or not. */
  async #awaitAssignment(generation: number, offsets: readonly Omit<GroupOffset, 'group'>[], limitMs: number): Promise<void> {
    if (this.#generation === generation) await withTimeout(this.#onAssignment.promise, limitMs, this.#deps.clock, this.#fenced(REBALANCING));
    if (offsets.some(({ topic, partition }) => this.#assignment?.partitions.get(topic)?.includes(partition) !== true)) throw this.#fenced(ILLEGAL_GENERATION);
  }

  async #run(): Promise<void> {
    const { group } = this.#options;
    try {
      await patiently(async () => {
        try {
          for (;;) { await this.#join(); await this.#beat(); }
        } catch (error) {
          if (!(error instanceof BrokerError) || NOT_COORDINATOR.has(error.code)) this.#links.own.forgetCoordinator('group', group);
          if (error instanceof BrokerError && error.code === UNKNOWN_MEMBER) this.#memberId = '';
          throw error;
        }
      }, this.#deps, {
        signal: this.#ended.signal, maxMs: HEARTBEAT_MS,
        onFailure: error => {
          if (!this.#isTrying) this.#deps.log.info({ group, reason: reasonOf(error) }, 'membership of the group is renewed as soon as Kafka allows');
          this.#isTrying = true;
        },
      });
    } catch (error) {
      if (this.#ended.signal.aborted) return;
      this.#first.promise.catch(() => { /* who waited for the joining hears it */ });
      this.#first.reject(error);
      this.#deps.log.warn({ group, reason: reasonOf(error) }, 'this node cannot be a member of the group');
    }
  }

  async #join(): Promise<void> {
    const { group, topics, sessionTimeoutMs } = this.#options;
    const { own } = this.#links;
    await own.refresh(topics);
    const unknown = topics.find(topic => own.leaders(topic) === undefined);
    if (unknown !== undefined) throw new BrokerError(own.topicError(unknown) ?? 3, `topic '${unknown}' is not known`);
    const coordinator = await own.coordinator('group', group);
    const held = { generation: this.#assignment?.generation ?? -1, partitions: this.#assignment?.partitions ?? new Map<string, readonly number[]>() };
    let joined: JoinAnswer;
    const request = { groupId: group, sessionTimeout: sessionTimeoutMs, rebalanceTimeout: sessionTimeoutMs, protocolType: 'consumer', groupProtocols: [{ name: PROTOCOL_NAME, metadata: encodeSubscription(topics, held) }] };
    for (;;) {
      joined = await coordinator.ask('JoinGroup', { ...request, memberId: this.#memberId }) as JoinAnswer;
      if (joined.errorCode !== 79) break; // MEMBER_ID_REQUIRED, KIP-394: the first answer only brings the id
      this.#memberId = joined.memberId;
    }
    if (joined.errorCode !== 0) throw new BrokerError(joined.errorCode, `joining group '${group}'`);
    this.#memberId = joined.memberId;
    const assignment = joined.leaderId === joined.memberId ? await this.#shareOut(joined) : [];
    const synced = await coordinator.ask('SyncGroup', { groupId: group, generationId: joined.generationId, memberId: joined.memberId, groupAssignment: assignment }) as { errorCode: number; memberAssignment: Buffer };
    if (synced.errorCode === REBALANCING) { await this.#join(); return; }
    if (synced.errorCode !== 0) throw new BrokerError(synced.errorCode, `partitions of group '${group}'`);
    this.#ended.signal.throwIfAborted();
    this.#isTrying = false;
    this.#generation = joined.generationId;
    this.#assignment = { generation: joined.generationId, partitions: decodeAssignment(synced.memberAssignment) };
    this.#options.onAssigned(this.#assignment);
    this.#first.resolve();
    this.#onAssignment.resolve();
    this.#onAssignment = deferred();
  }

  async #shareOut({ members }: JoinAnswer): Promise<{ memberId: string; memberAssignment: Buffer }[]> {
    const { own } = this.#links;
    const counts = new Map(this.#options.topics.map(topic => [topic, own.leaders(topic)?.length ?? 0]));
    const shares = assignSticky(members.map(({ memberId, memberMetadata }) => decodeSubscription(memberId, memberMetadata)), counts);
    return [...shares].map(([memberId, partitions]) => ({ memberId, memberAssignment: encodeAssignment(partitions) }));
  }

  /** Heartbeats until the group wants to share out anew. */
  async #beat(): Promise<void> {
    const { group, sessionTimeoutMs } = this.#options;
    const pauseMs = Math.min(HEARTBEAT_MS, sessionTimeoutMs / 6);
    for (;;) {
      await this.#deps.clock.sleep(pauseMs, this.#ended.signal);
      const code = await patiently(async () => {
        try {
          const coordinator = await this.#links.own.coordinator('group', group);
          const { errorCode } = await coordinator.ask('Heartbeat', { groupId: group, groupGenerationId: this.#generation, memberId: this.#memberId }) as { errorCode: number };
          if (NOT_COORDINATOR.has(errorCode)) throw new BrokerError(errorCode, `heartbeat of group '${group}'`);
          return errorCode;
        } catch (error) {
          this.#links.own.forgetCoordinator('group', group);
          if (this.#links.own.metadata !== undefined && lastingFailure(error) === undefined) await this.#links.own.refresh([]).catch(() => { /* the next try says it */ });
          throw error;
        }
      }, this.#deps, { signal: this.#ended.signal, maxMs: HEARTBEAT_MS });
      if (code === 0) continue;
      if (code === UNKNOWN_MEMBER) this.#memberId = '';
      if (code === UNKNOWN_MEMBER || code === ILLEGAL_GENERATION || code === REBALANCING) return;
      throw new BrokerError(code, `heartbeat of group '${group}'`);
    }
  }
}
