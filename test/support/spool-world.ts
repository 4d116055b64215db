import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ChunkLog } from '../../actors/ingest/chunk-log.ts';
import { recoverArchive } from '../../src/data-ops/archive.ts';
import { lastArrival, readUnits } from '../../src/data-ops/archive-reader.ts';
import { Chunker } from '../../src/data-ops/chunker.ts';
import type { FeederHistory } from '../../src/data-ops/feed/backlog.ts';
import { Feeder } from '../../src/data-ops/feeder.ts';
import { Recorder } from '../../src/data-ops/recorder.ts';
import { expireFiles } from '../../src/data-ops/retention.ts';
import { openSqliteStore } from '../../src/data-ops/sqlite-store.ts';
import type { Balance, Store } from '../../src/data-ops/store.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import { envelopes, stageContext } from './archive-fixtures.ts';
import { createFramedWriter, hashUnits, openFramedReader } from './chunk-files.ts';
import { NEVER } from './envelopes.ts';
import { eventually } from './eventually.ts';
import { camera } from './ledger-fixtures.ts';
import { createMemoryKafka, type MemoryKafka } from './memory-kafka.ts';
import { framedTools, recordedUnit, wallClock } from './recording.ts';
import { v8Codec } from './v8-codec.ts';

/** The camera of a spool world. */
export const SPOOLED = camera('dock-2');

const TOPIC = 'chunks';
const QUIET = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** One life of an ingest process. */
interface Life { readonly feeder: Feeder; readonly stop: AbortController; readonly running: Promise<void>; recorder: Recorder | undefined; chunker: Chunker | undefined }

/** A camera's archive and ledger on a real disk, its feeder, and a Kafka in memory. Ingest processes come and go. */
export class SpoolWorld {
  readonly kafka: MemoryKafka = createMemoryKafka({ partitions: 1 });
  readonly store: Store;
  readonly #folder: string;
  readonly #gop: number;
  readonly #dead: Recorder[] = [];
  #life: Life | undefined;
  #epoch = 0;
  #index = 0;

  /** @param gop frames between key frames */
  constructor(folder: string, gop = 10) {
    this.#folder = folder;
    this.#gop = gop;
    this.store = openSqliteStore(join(folder, 'store.sqlite'), { clock: wallClock });
  }

  /** Starts an ingest process: mends what an earlier one left, and feeds. */
  async start(): Promise<void> {
    const { store } = this;
    const found = await recoverArchive({ folder: this.#folder, clock: wallClock, rows: async id => store.chunks({ camera: id }), cameras: [SPOOLED], onlyCamera: SPOOLED, tools: framedTools });
    store.putChunks(found.rows);
    const publish = async (records: Parameters<Store['append']>[0]): Promise<void> => { store.append(records); };
    const log = new ChunkLog({
      output: this.kafka.node().output(TOPIC, v8Codec<ChunkPart>(), { maxItems: 64, maxBytes: 1 << 20, batchBytes: 1 << 16, lingerMs: 0 }),
      partMs: 20, maxPartBytes: 4_000, createHash: hashUnits, clock: wallClock, log: QUIET as never, telemetry: { count: () => {}, set: () => {}, observe: () => {} },
    });
    const feeder = new Feeder({
      camera: SPOOLED, out: log.open(SPOOLED, publish), publish, clock: wallClock, isLog: true, maxRewindMs: Number.POSITIVE_INFINITY, maxItems: 16, maxBytes: 4_000, history: this.#history(),
    });
    const stop = new AbortController();
    this.#life = { feeder, stop, running: feeder.run(stop.signal, () => {}), recorder: undefined, chunker: undefined };
  }

  /** Dies as by kill -9: nothing is closed, drained or given up. */
  async kill(): Promise<void> {
    this.#life?.stop.abort(new Error('killed'));
    await this.#life?.running;
    if (this.#life?.recorder) {
      this.#dead.push(this.#life.recorder);
      // A process that is gone finishes no chunk beside its successor; this one would.
      const files = readdirSync(this.#folder, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.mp4'));
      await eventually(() => files.filter(name => !existsSync(join(this.#folder, name.replace(/mp4$/, 'json')))).length <= 1, 'chunks that were being finished');
    }
    this.#life = undefined;
  }

  /** Records frames of a new session, or of the running one. */
  async record(count: number, isNew = false): Promise<void> {
    const life = this.#life!;
    if (isNew || !life.recorder || !life.chunker) {
      this.#epoch = this.store.nextEpoch(SPOOLED, wallClock.now());
      this.#index = 0;
      life.chunker = new Chunker({ camera: SPOOLED, epoch: this.#epoch, chunkSeconds: 0.9, isClosedGopStart: () => true });
      life.recorder = new Recorder({ folder: this.#folder, createWriter: path => createFramedWriter(path), createHash: hashUnits, index: async rows => this.store.putChunks(rows), partMs: 20 });
      await life.recorder.open(stageContext({ clock: wallClock }));
    }
    for (let index = 0; index < count; index += 1) {
      const parts = await life.chunker.process(envelopes(SPOOLED, [recordedUnit(this.#index++, this.#gop)]));
      for (const { body } of await life.recorder.process(parts, stageContext({ clock: wallClock }))) life.feeder.offer(body);
    }
  }

  /** Ends the session in order. */
  async endSession(): Promise<void> {
    const { chunker, recorder, feeder } = this.#life!;
    for (const { body } of await recorder!.process(chunker!.end(), stageContext({ clock: wallClock }))) feeder.offer(body);
    await recorder!.close();
  }

  get hasDrained(): boolean { return this.#life?.feeder.isDrained === true && this.store.unaccounted(SPOOLED).length === 0; }

  async drained(): Promise<void> { await eventually(() => this.hasDrained, 'everything is handed over', 10_000); }

  /** Retention with a quota. */
  async retain(maxBytes: number): Promise<number> {
    return (await expireFiles({ folder: this.#folder, rows: this.store.expireChunks(maxBytes) })).files;
  }

  /** Removes what is handed over, as a node does that only spools. */
  async sweep(): Promise<number> {
    return (await expireFiles({ folder: this.#folder, rows: this.store.expireAccounted() })).files;
  }

  balance(): Balance { return this.store.balances().at(-1)!; }

  /** Everything in the topic, in order. */
  async topic(): Promise<readonly ChunkPart[]> {
    const node = this.kafka.node();
    const { end } = (await node.bounds(TOPIC)).get(0)!;
    const reader = node.reader(TOPIC, { isolation: 'committed', maxBytes: 1 << 24 });
    reader.seek(0, 'earliest');
    const parts: ChunkPart[] = [];
    for (let next = 0; next < end;) {
      for (const { records, nextOffset } of await reader.read(NEVER)) {
        parts.push(...records.map(({ value }) => v8Codec<ChunkPart>().decode(value!)));
        next = nextOffset;
      }
    }
    await reader.close();
    return parts;
  }

  async close(): Promise<void> {
    await this.kill();
    for (const recorder of this.#dead) await recorder.close(); // a killed process leaves no open files
    this.store.close();
  }

  #history(): FeederHistory {
    const folder = this.#folder;
    const chunks: FeederHistory['chunks'] = async epoch => this.store.chunks({ camera: SPOOLED, onlyOfEpoch: epoch });
    return {
      unaccounted: async () => this.store.unaccounted(SPOOLED), chunks, arrivedAt: row => lastArrival(folder, row),
      async *read({ epoch, from, startsAtKey, signal, onLost }) {
        yield* readUnits({ folder, camera: SPOOLED, epoch, from, startsAtKey, rows: await chunks(epoch), openReader: path => openFramedReader(path), onDamage: onLost, signal });
      },
    };
  }
}
