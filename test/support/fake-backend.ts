import type { ActorReport } from '../../src/engine/actor.ts';
import type { PartitionLag } from '../../src/data-ops/group-lag.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import type { CameraEdit } from '../../src/data-ops/camera-row.ts';
import type { Balance, CameraRow, ChunkRow, CommittedRecord, FeatureQuery, StoredFeature } from '../../src/data-ops/store.ts';
import type { DetectedRecord, DroppedRecord } from '../../src/messages/terminal-record.ts';
import type { LiveItem } from '../../src/messages/live-item.ts';
import type { PtzCommand } from '../../src/ingress/onvif/ptz.ts';
import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import { shownOf } from '../../src/serving-ops/camera-body.ts';
import type { ActiveModelView, CameraView, LiveAccess, ModelView, OpenedStream, Readiness, RecordQuery, ServingBackend } from '../../src/serving-ops/service.ts';

/** A detected frame of a camera, `at` in microseconds. */
export function detected(camera: string, frameSeq: number, at = frameSeq * 40_000, padding = ''): DetectedRecord {
  return {
    kind: 'detected', camera: camera as CameraId, epoch: 1, frameSeq, capturedAt: epochMicros(1_700_000_000_000_000 + at), ptsSeconds: at / 1e6,
    width: 1920, height: 1080, boxes: [{ classId: 0, label: `person${padding}`, score: 0.9, x1: 1, y1: 2, x2: 3, y2: 4 }],
    model: 'motion@1.0.0', modelDigest: 'ab', provider: 'cpu', timings: { decodeMs: 1, waitMs: 2, inferMs: 3, ageMs: 7 },
  };
}

/** A run of dropped frames. */
export function dropped(camera: string, from: number, to: number): DroppedRecord {
  return { kind: 'dropped', camera: camera as CameraId, epoch: 1, from, to, reason: 'rate', isIntentional: true, capturedAt: epochMicros(1_700_000_000_000_000) };
}

/** A backend in memory: records are appended by the test, readers wait for them. */
export class FakeBackend implements ServingBackend {
  readonly views: CameraView[] = [];
  /** Cameras that were added or changed. */
  readonly rows = new Map<CameraId, CameraRow>();
  readonly store: CommittedRecord[] = [];
  readonly platformEvents: PlatformEvent[] = [];
  readonly uris = new Map<string, CameraId>();
  ledger: readonly Balance[] = [];
  chunkRows: readonly ChunkRow[] = [];
  readonly featureRows: StoredFeature[] = [];
  /** What publishers ask for; a test sets it. */
  whip: ServingBackend['whip'] = {
    publish: async camera => { throw new PlatformError('PUBLISHING_REFUSED', `camera '${camera}' does not wait for a publisher`, { camera }); },
    trickle: async () => { throw new PlatformError('PUBLISHING_UNKNOWN', 'no such session', {}); },
    end: async () => { throw new PlatformError('PUBLISHING_UNKNOWN', 'no such session', {}); },
  };
  readiness: Readiness = { ready: true, reasons: [] };
  /** Readers whose iterator is open. */
  readers = 0;
  /** Records handed to readers. */
  pulled = 0;
  /** Temporary cameras that are open now. */
  temporary = 0;
  openDelay: Promise<void> = Promise.resolve();
  failWith: unknown;
  isEnded = false;
  /** What cameras were told. */
  readonly ptzCommands: { readonly camera: CameraId; readonly command: PtzCommand }[] = [];
  readonly ptz: ServingBackend['ptz'] = {
    view: async () => { if (this.failWith !== undefined) throw this.failWith; return { status: { pan: 0.5, tilt: 0, panTiltState: 'IDLE' }, presets: [{ token: '007', name: 'gate' }] }; },
    command: async (camera, command) => { if (this.failWith !== undefined) throw this.failWith; this.ptzCommands.push({ camera, command }); },
  };
  #nextId = 0;
  #wake: (() => void)[] = [];

  addView(id: string, extra: Partial<CameraView> = {}): CameraView {
    const view: CameraView = {
      id: id as CameraId, label: `rtsp://cam/${id}`, state: 'live', isTemporary: false, epoch: 1, fps: 25, maxFps: null, isDetecting: true, isLooping: false, encoders: [], fallbacks: [], standby: 'cold', restoreAfterMs: 10_000, tenant: 'default', priority: 1,
      counts: { received: 0, detected: 0, dropped: {}, gaps: 0 }, ...extra,
    };
    this.views.push(view);
    return view;
  }

  append(record: CommittedRecord['record']): void {
    this.store.push({ id: ++this.#nextId, record });
    this.#wakeAll();
  }

  end(): void { this.isEnded = true; this.#wakeAll(); }

  #wakeAll(): void { for (const wake of this.#wake.splice(0)) wake(); }
  #check(): void { if (this.failWith !== undefined) throw this.failWith; }

  cameras(): readonly CameraView[] { this.#check(); return this.views; }
  cameraOf(uri: string): CameraId | undefined { return this.uris.get(uri); }

  async addCamera(request: Parameters<ServingBackend['addCamera']>[0]): Promise<CameraView> {
    this.#check();
    if (this.views.some((view) => view.id === request.id)) throw new PlatformError('CAMERA_EXISTS', `camera '${request.id}' exists`);
    this.rows.set(request.id, request);
    return await Promise.resolve(this.addView(request.id, shownOf(request)));
  }

  async changeCamera(id: CameraId, edit: CameraEdit): Promise<CameraView> {
    this.#check();
    const row = await edit(this.rows.get(id) ?? { id, uri: `rtsp://cam/${id}`, maxFps: null, isDetecting: true, isLooping: false });
    const index = this.views.findIndex((view) => view.id === id);
    this.rows.set(id, row);
    this.views[index] = { ...this.views[index]!, ...shownOf(row) };
    return this.views[index];
  }

  async features({ camera, encoder, from, to, after, max }: FeatureQuery): Promise<readonly StoredFeature[]> {
    this.#check();
    const all = this.featureRows.filter(({ id, feature }) => feature.camera === camera && id > (after ?? 0) && (encoder === undefined || feature.encoder.split('@')[0] === encoder || feature.encoder === encoder)
      && feature.capturedAt >= (from ?? 0) && feature.capturedAt < (to ?? Number.POSITIVE_INFINITY));
    return await Promise.resolve(after === undefined ? all.slice(-max) : all.slice(0, max));
  }

  async removeCamera(id: CameraId): Promise<void> {
    this.views.splice(this.views.findIndex((view) => view.id === id), 1);
    await Promise.resolve();
  }

  async openStream(_uri: string, signal: AbortSignal): Promise<OpenedStream> {
    this.temporary++;
    signal.addEventListener('abort', () => { this.temporary--; }, { once: true });
    await this.openDelay;
    return { camera: 'temporary-1' as CameraId, after: this.#nextId };
  }

  async *records(query: RecordQuery): AsyncGenerator<CommittedRecord, void> {
    this.readers++;
    let after = query.after ?? this.#nextId;
    try {
      for (;;) {
        const next = this.store.find((each) => each.id > after && each.record.camera === query.camera);
        if (next !== undefined) { after = next.id; this.pulled++; yield next; continue; }
        if (this.isEnded || query.signal.aborted) return;
        await new Promise<void>((resolve) => { this.#wake.push(resolve); query.signal.addEventListener('abort', () => resolve(), { once: true }); });
        this.#check();
      }
    } finally {
      this.readers--;
    }
  }

  async recordsAfter(query: { after: number; max: number; camera?: CameraId }): Promise<readonly CommittedRecord[]> {
    this.#check();
    return await Promise.resolve(this.store.filter((each) => each.id > query.after && (query.camera ?? each.record.camera) === each.record.camera).slice(0, query.max));
  }

  async events(query: { camera?: CameraId; max: number }): Promise<readonly PlatformEvent[]> { return await Promise.resolve(this.platformEvents.slice(-query.max)); }
  async chunks(query: { max: number }): Promise<readonly ChunkRow[]> { return await Promise.resolve(this.chunkRows.slice(0, query.max)); }
  async balances(): Promise<readonly Balance[]> { return await Promise.resolve(this.ledger); }

  tree(): ActorReport {
    const child: ActorReport = { name: 'vision-1', state: 'backing-off', generation: 3, restarts: 2, status: 'starting', lastError: { code: 'PROCESS_EXITED', message: 'child of rtsp://u:secret@cam/ ended' }, children: [] };
    return { name: 'root', state: 'running', generation: 1, restarts: 0, children: [child] };
  }

  partitions: readonly PartitionLag[] = [];
  lag(): readonly PartitionLag[] { return this.partitions; }
  model = 'motion@2';
  async models(): Promise<readonly ModelView[]> { return await Promise.resolve([{ model: 'motion@2', name: 'motion', version: '2', family: 'auto', source: 'built-in', isActive: this.model === 'motion@2' }]); }
  async activeModel(): Promise<ActiveModelView> {
    return await Promise.resolve({ active: 'motion@2', wanted: this.model, state: this.model === 'motion@2' ? 'steady' : 'changing', processes: [{ name: 'vision-0', isReady: true, model: 'motion@2', digest: 'ab', provider: 'cpu' }], counts: { done: 0, refused: 0 } });
  }
  async useModel(reference: string): Promise<ActiveModelView> {
    this.#check();
    if (!/^(?:motion|yolox)@/.test(reference)) throw new PlatformError('MODEL_UNKNOWN', `model '${reference}' is unknown (known: motion@2)`, { field: 'model' });
    this.model = reference;
    return await this.activeModel();
  }
  /** What viewers get of each camera: these items, then nothing until the viewer leaves. */
  liveItems: readonly LiveItem[] = [];
  /** Watches that are open. */
  watches = 0;
  readonly live: LiveAccess = {
    watch: (camera, signal) => this.#watch(camera, signal),
    snapshot: async (_camera, width, _signal) => await Promise.resolve({ jpeg: Uint8Array.of(0xff, 0xd8, 0xff, 0xd9), width: width ?? 640, height: 360, epoch: 1, frameSeq: ++this.shots, capturedAt: epochMicros(1_700_000_000_000_000) }),
  };
  shots = 0;

  async *#watch(_camera: CameraId, signal: AbortSignal): AsyncGenerator<LiveItem, void, undefined> {
    this.watches++;
    try {
      yield* this.liveItems;
      if (this.isEnded) throw new PlatformError('CAMERA_UNKNOWN', 'the camera is gone');
      await new Promise<void>((resolve) => { signal.addEventListener('abort', () => resolve(), { once: true }); });
    } finally {
      this.watches--;
    }
  }

  isReady(): Readiness { return this.readiness; }
  async metrics(): Promise<{ contentType: string; body: string }> { return await Promise.resolve({ contentType: 'text/plain; version=0.0.4', body: 'visutility_up 1\n' }); }
}

