import { PlatformError } from '../../src/engine/errors.ts';
import type { Assignment, GroupMember, GroupOffset, MemberOptions } from '../../src/transports/kafka-types.ts';
import { assignSticky } from '../../src/transports/kafka/sticky-assignment.ts';

/** A group's view of the cluster it lives in. */
export interface GroupHost {
  partitionCounts(topics: readonly string[]): ReadonlyMap<string, number>;
  isUp(): boolean;
  commit(offsets: readonly GroupOffset[]): void;
}

/** A consumer group in memory: sticky assignment by the product's own rule, told to every member of the group at each change. */
export class MemoryGroup {
  readonly #name: string;
  readonly #host: GroupHost;
  readonly #members = new Set<MemoryMember>();
  #generation = 0;
  #count = 0;

  constructor(name: string, host: GroupHost) {
    this.#name = name;
    this.#host = host;
  }

  join(options: MemberOptions): MemoryMember {
    this.#count += 1;
    const member = new MemoryMember(`${this.#name}-${String(this.#count).padStart(6, '0')}`, options, this);
    this.enter(member);
    return member;
  }

  has(member: MemoryMember): boolean { return this.#members.has(member); }

  enter(member: MemoryMember): void {
    if (this.#members.has(member)) return;
    this.#members.add(member);
    this.#rebalance();
  }

  leave(member: MemoryMember): void {
    if (this.#members.delete(member)) this.#rebalance();
  }

  commit(member: MemoryMember, offsets: readonly Omit<GroupOffset, 'group'>[]): void {
    if (!this.#host.isUp()) throw new PlatformError('KAFKA_UNAVAILABLE', 'the brokers are away');
    if (!this.#members.has(member)) throw new PlatformError('KAFKA_FENCED', `group '${this.#name}' went on without this member`);
    this.#host.commit(offsets.map(offset => ({ ...offset, group: this.#name })));
  }

  #rebalance(): void {
    if (this.#members.size === 0) return;
    this.#generation += 1;
    const topics = [...new Set([...this.#members].flatMap(({ options }) => options.topics))];
    const claims = [...this.#members].map(({ id, assignment }) => ({ id, generation: assignment?.generation ?? -1, partitions: assignment?.partitions ?? new Map<string, number[]>() }));
    const shares = assignSticky(claims, this.#host.partitionCounts(topics));
    for (const member of this.#members) member.assign({ generation: this.#generation, partitions: shares.get(member.id) ?? new Map<string, number[]>() });
  }
}

/** A member of a group in memory. */
export class MemoryMember implements GroupMember {
  readonly id: string;
  readonly options: MemberOptions;
  readonly #group: MemoryGroup;
  assignment: Assignment | undefined;
  #isClosed = false;

  constructor(id: string, options: MemberOptions, group: MemoryGroup) {
    this.id = id;
    this.options = options;
    this.#group = group;
  }

  assign(assignment: Assignment): void {
    queueMicrotask(() => {
      if (this.#isClosed || !this.#group.has(this)) return;
      if (this.assignment !== undefined && this.assignment.generation >= assignment.generation) return;
      this.assignment = assignment;
      this.options.onAssigned(assignment);
    });
  }

  /** The session ends without the member knowing: its partitions go to the others. */
  expire(): void { this.#group.leave(this); }

  /** Takes part again, after `expire`. */
  rejoin(): void { if (!this.#isClosed) this.#group.enter(this); }

  async commit(offsets: readonly Omit<GroupOffset, 'group'>[]): Promise<void> { this.#group.commit(this, offsets); }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#group.leave(this);
  }
}
