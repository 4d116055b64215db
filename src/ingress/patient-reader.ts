import type { Clock } from '../engine/clock.ts';
import { AbortGroup, Wait } from '../engine/abort-group.ts';
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
  const aborts = new AbortGroup();
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
      const packet = await raced(pending, signal, limit, aborts);
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
function raced<Value>(promise: Promise<Value>, signal: AbortSignal, limit: ReadLimit | undefined, aborts: AbortGroup): Promise<Value> {
  const wait = new Wait<Value>(aborts, signal);
  promise.then(value => wait.resolve(value), (error: unknown) => wait.reject(error));
  return limit === undefined ? wait.promise : within(wait.promise, limit);
}

async function within<Value>(promise: Promise<Value>, limit: ReadLimit): Promise<Value> {
  const over = new AbortController();
  const late = limit.clock.sleep(limit.ms, over.signal).then((): never => { throw limit.error(); });
  late.catch(() => { /* the loser of the race has no reader */ });
  try {
    return await Promise.race([promise, late]);
  } finally {
    over.abort(OVER);
  }
}

/** A reason of its own, or each abort makes an exception with a stack. */
const OVER = new Error('the wait is over');
