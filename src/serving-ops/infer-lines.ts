import type { CommittedRecord } from '../data-ops/store.ts';
import { abortable } from '../engine/abortable.ts';
import type { Face } from './face.ts';
import { recordJson } from './record-json.ts';
import type { ResolvedStream } from './resolve-stream.ts';

/** One line of a stream. */
export interface InferLine {
  readonly json: object;
  /** Counts towards `frames=`. */
  readonly isFrame: boolean;
  /** Greatest record id in it, for `after=`. */
  readonly lastId: number;
}

/** Records of one camera until it ends or the signal aborts. The backend's iterator is closed, not waited for: it may be busy. */
export async function* readRecords(face: Face, stream: ResolvedStream, after: number | undefined, signal: AbortSignal): AsyncGenerator<CommittedRecord, void> {
  const from = after ?? stream.after;
  const records = face.backend.records({ camera: stream.camera, ...(from === undefined ? {} : { after: from }), signal })[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await abortable(records.next(), signal);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    void Promise.resolve(records.return?.()).catch(() => undefined);
  }
}

/** Lines of one camera: each detected frame, and the dropped runs too where wanted. */
export async function* singleLines(records: AsyncIterable<CommittedRecord>, withDropped: boolean): AsyncGenerator<InferLine, void> {
  for await (const committed of records) {
    const isFrame = committed.record.kind === 'detected';
    if (isFrame || withDropped) yield { json: recordJson(committed), isFrame, lastId: committed.id };
  }
}
