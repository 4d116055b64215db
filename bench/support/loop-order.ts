/** What a measured loop runs: all files at once, each to its end. */
export interface LoopOrder {
  readonly files: readonly string[];
  readonly model: string;
  /** Frames of all files together. */
  readonly frames: number;
  /** Frames before the measurement starts: start-up, model load and compilation by V8 are not measured. */
  readonly warmUpFrames: number;
}

/** What it took, from the last warm-up frame to the last frame; processor time of the whole process tree. */
export interface LoopResult { readonly frames: number; readonly wallMs: number; readonly cpuMs: number }
