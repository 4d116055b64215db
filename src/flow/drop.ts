/** Why an operator let go of an item. */
export type FlowDropReason =
  /** Newer items were waiting, or it was older than its budget. */
  | 'stale'
  /** It came after its group was emitted. */
  | 'late'
  /** No key of the group was its own. */
  | 'unknown-key'
  /** The stream ended by error or unsubscription while it waited. */
  | 'closed';

/** Told of every item an operator does not pass on. `isIntentional`: nobody was too slow. */
export type OnDrop<Item> = (item: Item, reason: FlowDropReason, isIntentional: boolean) => void;
