/** What quiet cameras are fed with. */
export interface QuietOrder {
  readonly cameras: number;
  /** Vision processes that share them. */
  readonly processes: number;
  readonly model: string;
  readonly gate: 'auto' | 'off';
  readonly fps: number;
  /** Frames from one key frame to the next. */
  readonly gop: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

/** What became of it in the measured time. */
export interface QuietResult {
  readonly wallMs: number;
  /** Processor time of the vision processes. */
  readonly cpuMs: number;
  /** Processor time of the process that fed them. */
  readonly feederCpuMs: number;
  readonly fed: number;
  readonly acknowledged: number;
  readonly detected: number;
  readonly quiet: number;
  /** Frames that ended otherwise, such as stale ones. */
  readonly otherwise: number;
}
