/** What the root tells a process that feeds vision processes when they are replaced. */
export type SwitchMessage =
  /** Let every camera go over to the successors: one socket per vision process, in the order of those they follow. */
  | { readonly type: 'switch'; readonly id: number; readonly sockets: readonly string[] }
  /** The successors are the vision processes from now on; or they are gone, and those before go on. */
  | { readonly type: 'settle'; readonly id: number; readonly isDone: boolean };

/** Every camera of the process has gone over, and the vision processes before have ended all they were given. */
export interface SwitchedNote { readonly type: 'switched'; readonly id: number }

/** Successors that cameras are going over to while a feeding process starts. */
export type Successors = Omit<Extract<SwitchMessage, { type: 'switch' }>, 'type'>;

/** What a vision process spent on each of its cameras since the last time it said so. */
export interface SpentNote { readonly type: 'spent'; readonly periodMs: number; readonly cameras: Readonly<Record<string, number>> }

/** What a vision process says of the model it has loaded. */
export interface ModelNote { readonly type: 'model'; readonly model: string; readonly digest: string; readonly provider: string }
