/** What waits for a viewer at most; beyond it is forgotten, and the player goes on with the next whole picture. */
const WAITING_MAX_BYTES = 4 << 20;

interface Viewer { readonly waiting: Uint8Array[]; bytes: number; wake: () => void }

/** The viewers of a camera: each gets what comes from now on. Bounded for each; one that is slow delays no other. */
export class ViewerQueues {
  readonly #viewers = new Set<Viewer>();
  #header: Uint8Array | undefined;
  #failure: unknown;
  #forgottenBytes = 0;

  get count(): number { return this.#viewers.size; }
  /** Bytes that viewers were too slow for. */
  get forgottenBytes(): number { return this.#forgottenBytes; }

  /** What every viewer gets first, from now on. */
  begin(header: Uint8Array): void {
    this.#header = header;
    this.#failure = undefined;
  }

  give(bytes: Uint8Array): void {
    for (const viewer of this.#viewers) {
      if (viewer.bytes + bytes.byteLength > WAITING_MAX_BYTES) {
        this.#forgottenBytes += viewer.bytes;
        viewer.waiting.length = 0;
        viewer.bytes = 0;
      }
      viewer.waiting.push(bytes);
      viewer.bytes += bytes.byteLength;
      viewer.wake();
    }
  }

  /** Ends those who wait, and those who come until it works again, with an error. */
  fail(error: unknown): void {
    this.#failure = error;
    for (const viewer of this.#viewers) viewer.wake();
  }

  /** What a viewer gets, until its signal aborts. @throws what was failed with */
  async *open(signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const viewer: Viewer = { waiting: [], bytes: 0, wake: () => {} };
    this.#viewers.add(viewer);
    const left = (): void => viewer.wake();
    signal.addEventListener('abort', left, { once: true });
    try {
      for (let isFirst = true; !signal.aborted;) {
        if (this.#failure !== undefined) throw this.#failure;
        const bytes = viewer.waiting.shift();
        if (bytes === undefined) {
          await new Promise<void>(resolve => { viewer.wake = resolve; });
          continue;
        }
        viewer.bytes -= bytes.byteLength;
        if (isFirst && this.#header !== undefined) yield this.#header;
        isFirst = false;
        yield bytes;
      }
    } finally {
      signal.removeEventListener('abort', left);
      this.#viewers.delete(viewer);
    }
  }
}

/** What players of before 2017 must get first: `struct { char magic[4] = "jsmp"; uint16 width, height; }`, big-endian; later ones skip it. */
export function jsmpegHeader({ width, height }: { readonly width: number; readonly height: number }): Uint8Array {
  const header = Buffer.alloc(8);
  header.write('jsmp');
  header.writeUInt16BE(width, 4);
  header.writeUInt16BE(height, 6);
  return header;
}
