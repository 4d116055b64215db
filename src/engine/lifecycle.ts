/** What happened to an actor. `path` is the names from the top actor down to it, without the system's own. */
export type LifecycleEvent = { readonly path: readonly string[]; readonly generation: number } & (
  | { readonly type: 'started' }
  /** It will be started again after `retryInMs`. */
  | { readonly type: 'failed'; readonly error: unknown; readonly retryInMs: number }
  | { readonly type: 'ended' }
  | { readonly type: 'stopped' }
  | { readonly type: 'escalated'; readonly error: unknown }
  /** Its run did not settle after its signal aborted; it is left behind and its result will be ignored. */
  | { readonly type: 'stuck'; readonly waitedMs: number });

/** Receives every lifecycle event of a system. An error it throws becomes a process warning: it cannot disturb supervision. */
export type LifecycleListener = (event: LifecycleEvent) => void;
