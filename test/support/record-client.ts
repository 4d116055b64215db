import { wallMicros, type VtoRun } from './vto-run.ts';
import { readLines, type LineReader } from './line-reader.ts';

/** A line of the detection stream. */
export type RecordLine = { readonly id: number; readonly epoch: number; readonly capturedAt: string; readonly seenAtMicros: number } & (
  | { readonly kind: 'detected'; readonly frameSeq: number; readonly model: string; readonly timings: { readonly ageMs: number; readonly inferMs: number } }
  | { readonly kind: 'dropped'; readonly from: number; readonly to: number; readonly reason: string });

/** A client that reads every record of a camera from the first on, and goes on with `after=` when its stream breaks. */
export class RecordClient {
  readonly camera: string;
  readonly lines: RecordLine[] = [];
  /** Connections so far. */
  connections = 0;
  #run: VtoRun;
  #reader: LineReader | undefined;
  #isClosed = false;
  readonly #done: Promise<void>;

  constructor(run: VtoRun, camera: string) {
    this.#run = run;
    this.camera = camera;
    this.#done = this.#follow();
  }

  /** Goes on with another run over the same data. */
  moveTo(run: VtoRun): void { this.#run = run; }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#reader?.leave();
    await this.#done;
  }

  async #follow(): Promise<void> {
    while (!this.#isClosed) {
      const port = Number(new URL(this.#run.url).port);
      const after = this.lines.at(-1)?.id ?? 0;
      try {
        const reader = await readLines(port, `/api/v1/infer?stream=${this.camera}&include=dropped&after=${after}`);
        this.#reader = reader;
        this.connections += 1;
        if (this.#isClosed) reader.leave();
        const take = (): void => {
          for (const line of reader.lines.splice(0)) if (line['kind'] === 'detected' || line['kind'] === 'dropped') this.lines.push({ ...line, seenAtMicros: wallMicros() } as RecordLine); // the API's form
        };
        reader.response.on('data', take);
        await reader.done;
        take();
      } catch { /* not there at the moment: tried again */ }
      if (!this.#isClosed) await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
  }
}
