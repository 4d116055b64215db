import type { Clock } from '../../engine/clock.ts';
import { PlatformError } from '../../engine/errors.ts';
import type { CameraId } from '../../engine/units.ts';
import type { LiveItem, LiveStart, LiveUnit } from '../../messages/live-item.ts';
import type { DetectedRecord, DroppedRecord, TerminalRecord } from '../../messages/terminal-record.ts';
import type { ServingLog } from '../log.ts';
import type { ServingBackend } from '../service.ts';

/** Who watches a camera. Nothing of it may block: what it cannot send at once it leaves out. */
export interface LiveViewer {
  /** Whether it wants detections too. */
  readonly wantsRecords: boolean;
  start(start: LiveStart): void;
  /** `isBacklog`: one of many that come at once, for the viewer to begin with. */
  unit(unit: LiveUnit, isBacklog: boolean): void;
  /** Units were left out before they came here, or the camera was lost: a key frame follows, some time. */
  gap(reason: string, units: number): void;
  /** How a frame, or a run of frames, ended: JSON text, the same for every viewer. */
  record(json: string): void;
  /** Nothing follows. */
  end(error: PlatformError): void;
}

/** Is told how many watch, and what they miss. */
export interface LiveObserver {
  viewers(camera: CameraId, count: number): void;
  /** A picture was left out because its viewer is slow. */
  dropped(camera: CameraId): void;
}

/** What the hub works with. */
export interface LiveHubOptions {
  readonly backend: Pick<ServingBackend, 'live' | 'records'>;
  readonly clock: Clock;
  readonly log: ServingLog;
  readonly observer?: LiveObserver | undefined;
}

/** One watch of each camera, whoever many viewers it has: they get the same bytes. Holds nothing of cameras that nobody watches. */
export class LiveHub {
  readonly #options: LiveHubOptions;
  readonly #channels = new Map<CameraId, Channel>();

  constructor(options: LiveHubOptions) {
    this.#options = options;
  }

  /** Begins to show a camera to a viewer, from its newest key frame on. Returns what ends it. */
  join(camera: CameraId, viewer: LiveViewer): () => void {
    let channel = this.#channels.get(camera);
    if (channel === undefined) {
      channel = new Channel(camera, this.#options, () => { if (this.#channels.get(camera) === channel) this.#channels.delete(camera); });
      this.#channels.set(camera, channel);
    }
    return channel.join(viewer);
  }

  /** A picture was left out for a slow viewer. */
  dropped(camera: CameraId): void { this.#options.observer?.dropped(camera); }

  /** Viewers by camera. */
  viewers(): ReadonlyMap<CameraId, number> {
    return new Map([...this.#channels].map(([camera, channel]) => [camera, channel.viewers]));
  }
}

/** More than a GOP of any camera worth showing from its beginning; a longer one is shown to new viewers from the next key frame on. */
const GOP_BYTES_MAX = 24 << 20;
/** How long a camera whose process went, or that a node is about to have, is asked for again. */
const RETRY_MS = 100;
const RETRY_MAX_MS = 2_000;

class Channel {
  readonly #camera: CameraId;
  readonly #options: LiveHubOptions;
  readonly #onEmpty: () => void;
  readonly #viewers = new Set<LiveViewer>();
  readonly #over = new AbortController();
  #records: AbortController | undefined;
  #start: LiveStart | undefined;
  /** Units since the last key frame. */
  #gop: LiveUnit[] = [];
  #gopBytes = 0;

  constructor(camera: CameraId, options: LiveHubOptions, onEmpty: () => void) {
    this.#camera = camera;
    this.#options = options;
    this.#onEmpty = onEmpty;
    void this.#watch();
  }

  get viewers(): number { return this.#viewers.size; }

  join(viewer: LiveViewer): () => void {
    this.#viewers.add(viewer);
    this.#tell();
    if (viewer.wantsRecords) this.#followRecords();
    if (this.#start !== undefined && this.#gop.length > 0) {
      viewer.start(this.#start);
      for (const unit of this.#gop) viewer.unit(unit, true);
    }
    return () => {
      if (!this.#viewers.delete(viewer)) return;
      this.#tell();
      if (this.#viewers.size === 0) this.#close();
      else if (![...this.#viewers].some(({ wantsRecords }) => wantsRecords)) this.#stopRecords();
    };
  }

  #tell(): void { this.#options.observer?.viewers(this.#camera, this.#viewers.size); }

  async #watch(): Promise<void> {
    const { backend, clock, log } = this.#options;
    const { signal } = this.#over;
    for (let waitMs = RETRY_MS; !signal.aborted;) {
      try {
        for await (const item of backend.live.watch(this.#camera, signal)) {
          waitMs = RETRY_MS;
          this.#give(item);
        }
        if (!signal.aborted) throw new PlatformError('PORT_CLOSED', 'the camera has ended');
      } catch (error) {
        if (signal.aborted) return;
        const isTransient = error instanceof PlatformError && error.fate === 'retry';
        if (!isTransient) { this.#fail(error); return; }
        log.debug({ camera: this.#camera, code: error.code }, 'the way to a camera that is watched was lost');
        this.#give({ kind: 'gap', reason: 'session', units: 0 });
        await clock.sleep(waitMs, signal).catch(() => { /* nobody watches any more */ });
        waitMs = Math.min(waitMs * 2, RETRY_MAX_MS);
      }
    }
  }

  #give(item: LiveItem): void {
    switch (item.kind) {
      case 'start':
        this.#start = item;
        this.#forgetGop();
        for (const viewer of this.#viewers) viewer.start(item);
        return;
      case 'unit':
        this.#keep(item);
        for (const viewer of this.#viewers) viewer.unit(item, item.isBacklog);
        return;
      case 'gap':
        this.#forgetGop();
        for (const viewer of this.#viewers) viewer.gap(item.reason, item.units);
    }
  }

  #keep(unit: LiveUnit): void {
    if (unit.isKey) this.#forgetGop();
    else if (this.#gop.length === 0) return;
    this.#gop.push(unit);
    this.#gopBytes += unit.message.byteLength;
    if (this.#gopBytes > GOP_BYTES_MAX) this.#forgetGop();
  }

  #forgetGop(): void {
    this.#gop = [];
    this.#gopBytes = 0;
  }

  #followRecords(): void {
    if (this.#records !== undefined) return;
    const { backend, log } = this.#options;
    const records = new AbortController();
    this.#records = records;
    void (async () => {
      try {
        for await (const { record } of backend.records({ camera: this.#camera, signal: records.signal })) {
          const json = recordText(record);
          for (const viewer of this.#viewers) if (viewer.wantsRecords) viewer.record(json);
        }
      } catch (error) {
        if (!records.signal.aborted) log.debug({ camera: this.#camera, error }, 'detections of a camera that is watched ended');
      } finally {
        if (this.#records === records) this.#records = undefined;
      }
    })();
  }

  #stopRecords(): void {
    this.#records?.abort();
    this.#records = undefined;
  }

  #fail(error: unknown): void {
    const known = error instanceof PlatformError ? error : new PlatformError('PORT_CLOSED', 'the camera cannot be watched');
    if (!(error instanceof PlatformError)) this.#options.log.error({ camera: this.#camera, error }, 'watching a camera failed unexpectedly');
    for (const viewer of [...this.#viewers]) viewer.end(known);
    this.#viewers.clear();
    this.#tell();
    this.#close();
  }

  #close(): void {
    this.#over.abort();
    this.#stopRecords();
    this.#forgetGop();
    this.#onEmpty();
  }
}

/** A record as viewers get it: `{"type":"detections",…}` of a frame, `{"type":"dropped",…}` of a run of frames without. Times in microseconds, boxes in pixels of the picture. */
export function recordText(record: TerminalRecord): string {
  return JSON.stringify(record.kind === 'detected' ? detectionsOf(record) : droppedOf(record));
}

function detectionsOf({ epoch, frameSeq, ptsSeconds, capturedAt, width, height, boxes, model, timings }: DetectedRecord): object {
  return {
    type: 'detections', epoch, frameSeq, pts: ptsSeconds === null ? null : Math.round(ptsSeconds * 1e6), capturedAt, width, height, model, ageMs: timings.ageMs,
    boxes: boxes.map(({ label, classId, score, x1, y1, x2, y2, trackId }) => ({ label, classId, score, box: [x1, y1, x2, y2], ...trackId !== undefined && { trackId } })),
  };
}

function droppedOf({ epoch, from, to, reason }: DroppedRecord): object {
  return { type: 'dropped', epoch, from, to, reason };
}
