/** Why an actor ended. */
export type Exit =
  /** `run` returned by itself. */
  | { readonly reason: 'ended' }
  /** It was told to stop. */
  | { readonly reason: 'stopped' }
  /** More failures than its policy allows, or an error whose fate is `stop`. */
  | { readonly reason: 'escalated'; readonly error: unknown };

/** How failures of an actor are answered. */
export interface RestartPolicy {
  /** More restarts than this within `windowMs` is a failure of the actor itself: it is escalated. Infinity: never. */
  readonly maxRestarts: number;
  readonly windowMs: number;
  /** First back-off; doubles per restart within the window up to `backoffMaxMs`, then takes away up to `jitter` (0..1) of itself at random. */
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
  readonly jitter: number;
  /** True: an error whose fate is `stop` is tried again too, because what is wrong lies outside and may be put right meanwhile. @default false */
  readonly retriesStop?: boolean;
  /** The wait after failures whose back-off lies with whoever throws them, in milliseconds: they spend no budget. undefined: as all others. @default none are such */
  readonly ownWaitMs?: (error: unknown) => number | undefined;
  /** No `progress()` for this long is a failure with STALLED. 0: not watched. */
  readonly stallMs: number;
  /** How long `run` may take to settle after its signal aborts before it is reported as stuck and left behind. */
  readonly stopMs: number;
}

/** State of an actor, as shown by /readyz. */
export type ActorState = 'starting' | 'running' | 'backing-off' | 'stopping' | 'stopped' | 'ended' | 'escalated';

/** One node of the supervision tree. */
export interface ActorReport {
  readonly name: string;
  readonly state: ActorState;
  /** 1 for the first start. */
  readonly generation: number;
  readonly restarts: number;
  /** What the actor says of itself (`live`, `connecting` …). */
  readonly status?: string;
  readonly lastError?: { readonly code: string; readonly message: string };
  readonly children: readonly ActorReport[];
}

/** What an actor's `run` gets. */
export interface ActorContext {
  readonly name: string;
  readonly generation: number;
  /** Aborts when the actor must end: `run` settles soon after. */
  readonly signal: AbortSignal;
  /** Alive and working: resets the stall timer. */
  progress(): void;
  /** Sets `status` of the report. */
  status(text: string): void;
  /** Starts a child below this actor; children are stopped, last started first, before the actor's own end is reported. */
  supervise(child: Actor, policy: RestartPolicy): Supervised;
}

/** Something that runs until it ends, fails or is told to stop. Each start of `run` is a new generation. */
export interface Actor {
  /** Unique among its siblings; `a-z 0-9 - _ .` only. */
  readonly name: string;
  run(ctx: ActorContext): Promise<void>;
  /** Control messages (`reconfigure` and the like), one at a time, never while `run` is not running. Must not await work. */
  receive?(message: unknown): void;
}

/** Handle of a supervised actor. */
export interface Supervised {
  readonly name: string;
  /** Always settles, never rejects. */
  readonly exit: Promise<Exit>;
  stop(): Promise<Exit>;
  tell(message: unknown): void;
  report(): ActorReport;
}
