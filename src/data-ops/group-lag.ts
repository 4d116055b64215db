/** How far a consumer group is behind in one partition. */
export interface PartitionLag {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  /** The next offset it will read: everything below is done. */
  readonly offset: number;
  /** Next offset of the partition. */
  readonly end: number;
  /** Offsets between the two; those of transaction markers count. */
  readonly records: number;
  /** Age of the oldest record that is not done, 0 without lag; null when that is not known. */
  readonly seconds: number | null;
}
