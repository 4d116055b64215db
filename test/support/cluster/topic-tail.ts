import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import avro from 'avsc';

/** A record as a foreign client reads it. */
export interface TailRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  /** Undefined: a tombstone. */
  readonly value: Buffer | undefined;
}

/** 0x00 and a schema id, before the Avro record. */
const FRAMING_BYTES = 5;

/**
 * Reads a topic under read_committed with kcat, whose librdkafka shares nothing with what is judged; each call brings what is new since the one before.
 */
export class TopicTail {
  readonly #brokers: string;
  readonly #topic: string;
  readonly #next: number[];
  /** Bytes of keys and values read so far. */
  sizeBytes = 0;

  constructor(brokers: readonly string[], topic: string, partitions: number) {
    this.#brokers = brokers.join(',');
    this.#topic = topic;
    this.#next = Array.from({ length: partitions }, () => 0);
  }

  /** Everything that is committed and was not read yet, by partition in order. */
  async read(take: (record: TailRecord) => void): Promise<void> {
    for (const [partition, next] of this.#next.entries()) {
      const bytes = await this.#kcat(partition, next);
      for (let at = 0; at < bytes.length;) {
        const end = bytes.indexOf(0x0a, at);
        const [offset = 0, keyBytes = 0, valueBytes = 0] = bytes.toString('latin1', at, end).split(' ').map(Number);
        const key = end + 1;
        const value = key + Math.max(0, keyBytes);
        at = value + Math.max(0, valueBytes);
        this.#next[partition] = offset + 1;
        this.sizeBytes += at - key;
        take({ partition, offset, key: bytes.toString('utf8', key, value), value: valueBytes < 0 ? undefined : bytes.subarray(value, at) });
      }
    }
  }

  /** Its `-e` ends at the first fetch that brings nothing, which must not wait for more: a partition that is always written to would never end. */
  async #kcat(partition: number, from: number): Promise<Buffer> {
    const child = spawn('kcat', [
      '-C', '-b', this.#brokers, '-t', this.#topic, '-p', String(partition), '-o', String(from), '-e', '-q', '-f', '%o %K %S\n%k%s',
      '-X', 'isolation.level=read_committed', '-X', 'fetch.message.max.bytes=8388608', '-X', 'fetch.wait.max.ms=5',
    ], { stdio: ['ignore', 'pipe', 'pipe'] });
    const parts: Buffer[] = [];
    let errors = '';
    child.stdout.on('data', (part: Buffer) => parts.push(part));
    child.stderr.on('data', (part: Buffer) => { errors += part.toString(); });
    const code = await new Promise((resolve, reject) => { child.on('close', resolve); child.on('error', reject); });
    if (code !== 0) throw new Error(`kcat ended with ${String(code)} on ${this.#topic}: ${errors}`);
    return Buffer.concat(parts);
  }
}

/** Reads values by the schema file of a topic with the Avro library alone; 64-bit numbers must fit a double, which all of ours do. */
export function avroReader<Value>(topic: string): (value: Buffer) => Value {
  const type = avro.Type.forSchema(JSON.parse(readFileSync(new URL(`../../../schemas/avro/${topic}.avsc`, import.meta.url), 'utf8')) as avro.Schema, { wrapUnions: false });
  return (value) => {
    if (value[0] !== 0) throw new Error(`a record of ${topic} is without schema id`);
    return type.fromBuffer(value.subarray(FRAMING_BYTES)) as Value; // the schema says so
  };
}
