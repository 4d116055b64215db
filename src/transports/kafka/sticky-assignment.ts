/** A member of a group, and what it holds. */
export interface MemberClaim {
  readonly id: string;
  /** Assignment the member had last, and its generation: of two that claim one partition, the later one is believed. */
  readonly generation: number;
  readonly partitions: ReadonlyMap<string, readonly number[]>;
}

/**
 * Shares out partitions: each topic evenly (within one per member), and as much as that allows every partition stays where it is.
 * Every partition goes to exactly one member; the result depends on nothing but the arguments.
 */
export function assignSticky(members: readonly MemberClaim[], partitionCounts: ReadonlyMap<string, number>): Map<string, Map<string, number[]>> {
  const ids = members.map(({ id }) => id).toSorted();
  const assigned = new Map(ids.map(id => [id, new Map<string, number[]>()]));
  const totals = new Map(ids.map(id => [id, 0]));
  for (const topic of [...partitionCounts.keys()].toSorted()) {
    const shares = assignTopic(members, ids, totals, { topic, count: partitionCounts.get(topic) ?? 0 });
    for (const [id, partitions] of shares) {
      assigned.get(id)?.set(topic, partitions.toSorted((one, other) => one - other));
      totals.set(id, (totals.get(id) ?? 0) + partitions.length);
    }
  }
  return assigned;
}

function assignTopic(members: readonly MemberClaim[], ids: readonly string[], totals: ReadonlyMap<string, number>, { topic, count }: { topic: string; count: number }): Map<string, number[]> {
  const kept = claimedPartitions(members, topic, count);
  const least = Math.floor(count / ids.length);
  // Who may have one more than the others: who would otherwise lose one, then who has least of the other topics.
  const favoured = ids.toSorted((one, other) =>
    (kept.get(other)?.length ?? 0) - (kept.get(one)?.length ?? 0) || (totals.get(one) ?? 0) - (totals.get(other) ?? 0) || (one < other ? -1 : 1)).slice(0, count % ids.length);
  const limits = new Map(ids.map(id => [id, least + (favoured.includes(id) ? 1 : 0)]));
  const shares = new Map(ids.map(id => [id, (kept.get(id) ?? []).slice(0, limits.get(id))]));
  const taken = new Set([...shares.values()].flat());
  const free = Array.from({ length: count }, (_, partition) => partition).filter(partition => !taken.has(partition));
  for (const id of ids) {
    const share = shares.get(id) ?? [];
    share.push(...free.splice(0, (limits.get(id) ?? 0) - share.length));
  }
  return shares;
}

/** What each member holds of a topic, where no later member claims it too. */
function claimedPartitions(members: readonly MemberClaim[], topic: string, count: number): Map<string, number[]> {
  const owners = new Map<number, MemberClaim>();
  for (const member of members.toSorted((one, other) => (one.id < other.id ? -1 : 1))) {
    for (const partition of member.partitions.get(topic) ?? []) {
      const owner = owners.get(partition);
      if (partition < count && (owner === undefined || owner.generation < member.generation)) owners.set(partition, member);
    }
  }
  const kept = new Map<string, number[]>();
  for (const [partition, { id }] of [...owners].toSorted(([one], [other]) => one - other)) kept.set(id, [...(kept.get(id) ?? []), partition]);
  return kept;
}
