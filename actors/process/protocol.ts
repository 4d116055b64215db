import type { ActorReport } from '../../src/engine/actor.ts';
import type { ErrorReport } from '../../src/engine/errors.ts';

/** Roles a child process can have. */
export type Role = 'store' | 'ingest' | 'vision' | 'batch' | 'index' | 'host' | 'jsmpeg';

/** What the root says to a child, over the fork channel. Settings go this way because a command line is public. */
export type ToChild =
  | { readonly type: 'start'; readonly role: Role; readonly settings: unknown }
  | { readonly type: 'tell'; readonly message: unknown }
  | { readonly type: 'metrics'; readonly id: number }
  | { readonly type: 'stop' };

/** What a child says to the root. */
export type FromChild =
  | { readonly type: 'ready' }
  | { readonly type: 'report'; readonly report: ActorReport; readonly isAlive: true }
  | { readonly type: 'metrics'; readonly id: number; readonly snapshot: unknown }
  /** Something the role tells whoever started it. */
  | { readonly type: 'note'; readonly note: unknown }
  | { readonly type: 'failed'; readonly error: ErrorReport };
