import type { Clock } from '../engine/clock.ts';
import { PlatformError } from '../engine/errors.ts';
import type { MediaPacket, PacketReader } from '../media/types.ts';

/** How long one read may take. */
export interface ReadLimit { readonly ms: number; readonly clock: Clock; error(): PlatformError }

/** A reader whose reads outlive the wait for them, so that an aborted wait loses no packet. */
export interface PatientReader {
  readonly unreadablePackets: number;
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
  const readOne = async (): Promise<MediaPacket | undefined> => {
    for (let failures = 0; ; failures++) {
      try {
        return await reader.read();
      } catch (error) {
        if (!(error instanceof PlatformError) || error.code !== 'MEDIA_CORRUPT') throw error;
        unreadablePackets++;
        if (failures >= UNREADABLE_MAX) throw new PlatformError('MEDIA_INVALID', `${failures + 1} packets in a row are unreadable`, {}, error);
      }
    }
  };
  return {
    get unreadablePackets() { return unreadablePackets; },
    async read(signal, limit) {
      signal.throwIfAborted();
      if (pending === undefined) {
        pending = readOne();
        pending.catch(() => { /* seen by whoever waits; nobody may */ });
      }
      const packet = await raced(pending, signal, limit);
      pending = undefined;
      return packet;
    },
    async close() {
      reader.interrupt();
      await pending?.catch(() => undefined);
      await reader.close();
    },
  };
}

/** The promise, unless the signal or the limit comes first. */
async function raced<Value>(promise: Promise<Value>, signal: AbortSignal, limit: ReadLimit | undefined): Promise<Value> {
  const over = new AbortController();
  const aborted = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => aborted.reject(signal.reason), { once: true, signal: over.signal });
  const rivals: Promise<Value>[] = [promise, aborted.promise];
  if (limit !== undefined) {
    const late = limit.clock.sleep(limit.ms, over.signal).then((): never => { throw limit.error(); });
    late.catch(() => { /* the loser of the race has no reader */ });
    rivals.push(late);
  }
  try {
    return await Promise.race(rivals);
  } finally {
    over.abort();
  }
}
