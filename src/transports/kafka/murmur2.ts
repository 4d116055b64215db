const SEED = 0x9747b28c;
const MULTIPLIER = 0x5bd1e995;

/** Partition of a key among `partitions`, as Kafka's Java client chooses it (murmur2, `org.apache.kafka.common.utils.Utils`). */
export function partitionOf(key: string, partitions: number): number {
  return (murmur2(Buffer.from(key)) & 0x7fffffff) % partitions;
}

/** Murmur2 of 32 bits (Austin Appleby) with the seed of Kafka's clients. */
export function murmur2(bytes: Buffer): number {
  const words = bytes.length >> 2;
  let hash = SEED ^ bytes.length;
  for (let word = 0; word < words; word += 1) {
    let mixed = Math.imul(bytes.readInt32LE(word * 4), MULTIPLIER);
    mixed = Math.imul(mixed ^ (mixed >>> 24), MULTIPLIER);
    hash = Math.imul(hash, MULTIPLIER) ^ mixed;
  }
  const tail = bytes.length & 3;
  if (tail > 0) hash = Math.imul(hash ^ bytes.readUIntLE(words * 4, tail), MULTIPLIER);
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER);
  return hash ^ (hash >>> 15);
}
