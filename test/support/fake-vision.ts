import type { ChildLink } from '../../actors/host/host-task.ts';
import { visionLink } from '../../actors/host/vision-link.ts';
import type { InPort } from '../../src/engine/ports.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { DetectedRecord, TerminalRecord } from '../../src/messages/terminal-record.ts';
import type { LinkOutPort } from '../../src/transports/ipc-types.ts';
import { createMemoryPort } from '../../src/transports/memory.ts';
import { PlatformError } from '../../src/engine/errors.ts';

interface Decoder { feed: number; epoch: number; expected: number; held: { readonly part: ChunkPart; readonly frameSeq: number }[] }

/** The detection that a fake vision process makes of a frame. */
export function detectionOf({ camera, epoch }: { readonly camera: CameraId; readonly epoch: number }, frameSeq: number): DetectedRecord {
  return {
    kind: 'detected', camera, epoch, frameSeq, capturedAt: frameSeq * 40_000 as DetectedRecord['capturedAt'], ptsSeconds: null, width: 8, height: 8, boxes: [], model: 'none@1', modelDigest: '',
    provider: 'cpu', timings: { decodeMs: 0, waitMs: 0, inferMs: 0, ageMs: 0 },
  };
}

/**
 * A vision process that decodes by its numbers: every frame must follow the one before or be a key frame. Like a decoder with B-frames it holds
 * the last frames of each camera back. `replace` is what a crash and a new process look like from the host.
 */
export class FakeVision {
  readonly faults: string[] = [];
  /** Frames decoded, those for reference only too. */
  decoded = 0;
  fed: { readonly camera: CameraId; readonly frameSeq: number; readonly isAccounted: boolean; readonly feed: number }[] = [];
  isStalled = false;
  /** A unit with this text in its bytes kills the process. */
  poison = '';
  /** Another process comes by itself after such a death. */
  isRestarting = false;
  deaths = 0;
  readonly heldMax: number;
  readonly #answers = createMemoryPort<TerminalRecord>({ maxItems: 1e6, maxBytes: 1e9, sizeOf: () => 1 });
  readonly #listeners = new Set<() => void>();
  #isAttached = false;
  #queue: { readonly part: ChunkPart; readonly done: () => void; readonly lost: (error: unknown) => void }[] = [];
  readonly #unfinished: ((error: unknown) => void)[] = [];
  #rooms: (() => void)[] = [];
  #decoders = new Map<CameraId, Decoder>();
  readonly #maxItems: number;

  constructor(options: { readonly heldMax?: number; readonly maxItems?: number } = {}) {
    this.heldMax = options.heldMax ?? 3;
    this.#maxItems = options.maxItems ?? 64;
  }

  get endings(): InPort<TerminalRecord> { return this.#answers.input; }

  link(): ChildLink<ChunkPart> { return visionLink(this.port(), new AbortController().signal); }

  /** Cameras with an open decoder. */
  get open(): readonly CameraId[] { return [...this.#decoders].filter(([, { expected }]) => expected >= 0).map(([camera]) => camera); }

  /** A process is there. */
  attach(): void {
    this.#isAttached = true;
    for (const listener of this.#listeners) listener();
    this.#work();
  }

  /** The process is gone, with all it held. */
  kill(): void {
    this.#isAttached = false;
    this.#decoders = new Map();
    this.deaths += 1;
  }

  replace(): void { this.kill(); this.attach(); }

  go(): void { this.isStalled = false; this.#work(); }

  /** The way to it. */
  port(): LinkOutPort<ChunkPart> {
    return {
      push: (items, _signal) => {
        const pushes = items.map(({ body }) => new Promise<void>((resolve, reject) => { this.#queue.push({ part: body, done: resolve, lost: reject }); }));
        this.#work();
        return Promise.all(pushes).then(() => {});
      },
      room: async signal => {
        while (this.#queue.length >= this.#maxItems) {
          await new Promise<void>((resolve, reject) => {
            this.#rooms.push(resolve);
            signal.addEventListener('abort', () => reject(signal.reason), { once: true });
          });
        }
      },
      onAttach: listener => {
        this.#listeners.add(listener);
        if (this.#isAttached) listener();
        return () => { this.#listeners.delete(listener); };
      },
      discard: () => {
        for (const lost of this.#unfinished.splice(0)) lost(new PlatformError('PORT_CLOSED', 'discarded'));
        for (const { lost } of this.#queue.splice(0)) lost(new PlatformError('PORT_CLOSED', 'discarded'));
        this.#admit();
      },
      depth: () => ({ items: this.#queue.length, bytes: 0 }),
      close() { /* nothing to close */ },
    };
  }

  #work(): void {
    setImmediate(() => {
      for (let budget = 32; budget > 0 && this.#isAttached && !this.isStalled; budget -= 1) {
        const item = this.#queue.shift();
        if (!item) break;
        this.#decode(item.part);
        if (this.#isAttached) item.done();
        else this.#unfinished.push(item.lost);
      }
      this.#admit();
      if (this.#queue.length > 0 && this.#isAttached && !this.isStalled) this.#work();
    });
  }

  #admit(): void { for (const room of this.#rooms.splice(0)) room(); }

  #decode(part: ChunkPart): void {
    const { camera, epoch, feed } = part;
    let decoder = this.#decoders.get(camera);
    if (!decoder || feed > decoder.feed) this.#decoders.set(camera, decoder = { feed, epoch: -1, expected: -1, held: [] });
    if (feed < decoder.feed) return;
    if (decoder.epoch !== epoch) { this.#flush(decoder, 0); decoder.epoch = epoch; decoder.expected = -1; }
    for (const { frameSeq, isKey, data } of part.units) {
      if (this.poison !== '' && Buffer.from(data).includes(this.poison)) { this.kill(); if (this.isRestarting) setImmediate(() => this.attach()); return; }
      if (!isKey && frameSeq !== decoder.expected) this.faults.push(`${camera}/${epoch}/${frameSeq} fed to a decoder that stands at ${decoder.expected}`);
      decoder.expected = frameSeq + 1;
      this.decoded += 1;
      this.fed.push({ camera, frameSeq, isAccounted: part.isAccounted, feed });
      decoder.held.push({ part, frameSeq });
    }
    this.#flush(decoder, part.isEpochEnd ? 0 : this.heldMax);
    if (part.isEpochEnd) decoder.expected = -1;
  }

  #flush(decoder: Decoder, keep: number): void {
    while (decoder.held.length > keep) {
      const { part, frameSeq } = decoder.held.shift()!;
      if (part.isAccounted) continue;
      const body = detectionOf(part, frameSeq);
      void this.#answers.output.push([{ body, key: part.camera, capturedAt: body.capturedAt, trace: '' }], new AbortController().signal);
    }
  }
}
