import type { PlatformError } from '../../src/engine/errors.ts';
import type { MediaAccess } from '../../src/ingress/media-access.ts';
import type { MediaPacket, PacketReader } from '../../src/media/types.ts';
import type { StreamParameters } from '../../src/messages/stream-parameters.ts';

/** Parameters of a stream with 90 kHz time stamps. */
export const PARAMETERS: StreamParameters = {
  codec: 'h264', width: 320, height: 240, extradata: Uint8Array.of(0, 0, 0, 1, 0x67), timeBase: { num: 1, den: 90_000 }, framing: 'annexb', frameRate: 25,
};

/** A packet; the first byte of its bytes is `mark`. */
export function packet(mark: number, fields: Partial<MediaPacket> = {}): MediaPacket {
  return { data: Uint8Array.of(mark), pts: mark * 3600, dts: mark * 3600, duration: 3600, isKey: mark === 0, isCorrupt: false, cameraClockMicros: null, ...fields };
}

/** What a fake reader does next: give a packet, fail, or block until interrupted (`blocked`) or for ever (`stuck`). */
export type Step = MediaPacket | PlatformError | 'blocked' | 'stuck';

/** A reader of prepared steps, then the end. */
export interface FakeReader extends PacketReader { readonly isInterrupted: boolean; readonly isClosed: boolean }

/** Makes one. */
export function fakeReader(steps: readonly Step[], parameters: StreamParameters = PARAMETERS): FakeReader {
  let index = 0;
  const state = { isInterrupted: false, isClosed: false };
  const interrupted = Promise.withResolvers<undefined>();
  return {
    parameters, durationSeconds: null,
    get isInterrupted() { return state.isInterrupted; },
    get isClosed() { return state.isClosed; },
    read() {
      const step = steps[index++];
      if (step === 'blocked') return interrupted.promise;
      if (step === 'stuck') return new Promise(() => { /* as libav may */ });
      return step instanceof Error ? Promise.reject(step) : Promise.resolve(step);
    },
    interrupt() { state.isInterrupted = true; interrupted.resolve(undefined); },
    async close() { state.isClosed = true; },
  };
}

/** Media that hands out the given readers in order; a changed first byte of a key unit above 99 counts as a changed stream of that width. */
export function fakeMedia(...readers: readonly (PacketReader | PlatformError)[]): MediaAccess & { readonly opened: readonly string[] } {
  const opened: string[] = [];
  const next = async (uri: string): Promise<PacketReader> => {
    const reader = readers[opened.length];
    opened.push(uri);
    if (reader === undefined) throw new Error('no further reader was prepared');
    if (reader instanceof Error) throw reader;
    return reader;
  };
  return {
    opened,
    openReader: (request) => next(request.uri),
    openGeneratedReader: (request) => next(request.graph),
    changedParameters: (unit, current) => (unit[0]! > 99 && unit[0] !== current.width ? { ...current, width: unit[0]! } : null),
  };
}
