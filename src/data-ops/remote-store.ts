import type { Clock } from '../engine/clock.ts';
import { PlatformError } from '../engine/errors.ts';
import type { IpcNode } from '../transports/ipc-types.ts';
import type { Store } from './store.ts';

/** Calls of the store that other processes may make; records go through the detections topic instead. */
const REMOTE_METHODS = [
  'recordsAfter', 'lastRecordId', 'nextEpoch', 'putChunks', 'chunks', 'unaccounted', 'hasRecord', 'features', 'putEvents', 'events', 'cameraStates',
  'eventsAfter', 'spool', 'appendFrom', 'logOffsets',
  'putCamera', 'deleteCamera', 'cameras', 'balances',
] as const satisfies readonly (keyof Store)[];

type RemoteMethod = typeof REMOTE_METHODS[number];

/** The store as seen from another process. */
export type RemoteStore = { readonly [Name in RemoteMethod]: (...args: Parameters<Store[Name]>) => Promise<ReturnType<Store[Name]>> };

const RETRY_MS = 50;

/** Lets the other side of `node` call `store`. */
export function serveStore(node: IpcNode, store: Store): void {
  for (const name of REMOTE_METHODS) {
    const method = store[name].bind(store) as (...args: unknown[]) => unknown; // the client below is typed by the same table
    node.handle(`store.${name}`, args => method(...(args as unknown[])));
  }
}

/**
 * The store behind `node`. A call that loses its connection is made again until `signal` aborts: every method is safe to repeat.
 * @throws PlatformError STORE_FAILED; the signal's reason
 */
export function remoteStore(node: IpcNode, clock: Clock, signal: AbortSignal): RemoteStore {
  const call = async (name: RemoteMethod, args: readonly unknown[]): Promise<unknown> => {
    for (;;) {
      try {
        return await node.call(`store.${name}`, args, signal);
      } catch (error) {
        if (!(error instanceof PlatformError) || error.code !== 'PORT_CLOSED' || signal.aborted) throw error;
        await clock.sleep(RETRY_MS, signal);
      }
    }
  };
  const methods = REMOTE_METHODS.map(name => [name, (...args: unknown[]) => call(name, args)] as const);
  return Object.fromEntries(methods) as unknown as RemoteStore; // one entry per name of the table the type is made from
}
