import type { Clock } from '../engine/clock.ts';
import { AbortGroup, Wait } from '../engine/abort-group.ts';
import { PlatformError } from '../engine/errors.ts';
import type { MediaPacket, PacketReader } from '../media/types.ts';

/** How long one read may take. */
export interface ReadLimit { readonly ms: number; readonly clock: Clock; error(): PlatformError }

/** A reader whose reads outlive the wait for them, so that an aborted wait loses no packet. */
export interface PatientReader {
  readonly unreadablePackets: number;
  /** Why the last of them could not be read. */
  readonly lastUnreadable: PlatformError | undefined;
  /**
   * The next packet. A wait that ended early leaves its read going; the next call takes it over.
   * @throws the signal's reason; the limit's error; what the reader throws; MEDIA_INVALID when nothing in a row of packets is readable
   */
  read(signal: AbortSignal, limit?: ReadLimit): Promise<MediaPacket | undefined>;
  /** Frees the reader. Resolves when a read under way has ended too; never rejects. */
  close(): Promise<void>;
}

/** So many packets in a row that cannot be read mean that the rest cannot be read either. */
const UNREADABLE_MAX = 100;

/** Wraps a reader. */
export function patientReader(reader: PacketReader): PatientReader {
  let pending: Promise<MediaPacket | undefined> | undefined;
  let unreadablePackets = 0;
  let lastUnreadable: PlatformError | undefined;
  const aborts = new AbortGroup();
  const stall = new StallWatch();
  const readOne = async (): Promise<MediaPacket | undefined> => {
    for (let failures = 0; ; failures++) {
      try {
        return await reader.read();
      } catch (error) {
        if (!(error instanceof PlatformError) || error.code !== 'MEDIA_CORRUPT') throw error;
        unreadablePackets++;
        lastUnreadable = error;
        if (failures >= UNREADABLE_MAX) throw new PlatformError('MEDIA_INVALID', `${failures + 1} packets in a row are unreadable`, {}, error);
      }
    }
  };
  return {
    get unreadablePackets() { return unreadablePackets; },
    get lastUnreadable() { return lastUnreadable; },
    async read(signal, limit) {
      signal.throwIfAborted();
      if (pending === undefined) {
        pending = readOne();
        pending.catch(() => { /* seen by whoever waits; nobody may */ });
      }
      const wait = new Wait<MediaPacket | undefined>(aborts, signal);
      pending.then(packet => wait.resolve(packet), (error: unknown) => wait.reject(error));
      if (limit !== undefined) stall.begin(error => wait.reject(error), limit);
      try {
        const packet = await wait.promise;
        pending = undefined;
        return packet;
      } finally {
        stall.end();
      }
    },
    async close() {
      stall.close();
      reader.interrupt();
      await pending?.catch(() => undefined);
      await reader.close();
    },
  };
}

/**
 * Limits waits one after the other with one timer that goes on: setting and clearing one for each packet costs more than reading it.
 */
class StallWatch {
  #wait: { readonly reject: (error: unknown) => void; readonly dueMs: number; readonly limit: ReadLimit } | undefined;
  /** The timer that goes, and when it rings. */
  #timer: { readonly over: AbortController; readonly ringsMs: number } | undefined;

  /** From now on `reject` is called when the limit is over, until `end`. */
  begin(reject: (error: unknown) => void, limit: ReadLimit): void {
    const dueMs = limit.clock.monotonicMs() + limit.ms;
    if (this.#timer === undefined || this.#timer.ringsMs > dueMs) {
      this.close();
      this.#arm(dueMs, limit);
    }
    this.#wait = { reject, limit, dueMs };
  }

  end(): void { this.#wait = undefined; }

  /** Stops the timer. */
  close(): void {
    this.end();
    this.#timer?.over.abort(OVER);
    this.#timer = undefined;
  }

  #arm(ringsMs: number, { clock }: ReadLimit): void {
    const timer = { over: new AbortController(), ringsMs };
    this.#timer = timer;
    void clock.sleep(ringsMs - clock.monotonicMs(), timer.over.signal).then(() => { this.#ring(); }, () => { /* an earlier one goes instead, or none */ });
  }

  #ring(): void {
    this.#timer = undefined;
    const wait = this.#wait;
    if (wait === undefined) return;
    if (wait.dueMs > wait.limit.clock.monotonicMs()) { this.#arm(wait.dueMs, wait.limit); return; }
    this.#wait = undefined;
    wait.reject(wait.limit.error());
  }
}

/** A reason of its own, or the abort makes an exception with a stack. */
const OVER = new Error('the wait is over');
