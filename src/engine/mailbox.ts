import nact from 'nact';
import type { Ref } from 'nact';

/**
 * A nact actor reduced to what nact 7.6.2 does reliably: one message at a time, in order, later. The handler is synchronous and never sees
 * the outside's errors, so that none of nact's fault actions (reset, resume, escalate) is ever taken: see test/engine/nact-facade.test.ts.
 */
export interface Mailbox<Message> {
  /** Queues a control message; silently ignored after `close`. */
  post(message: Message): void;
  /** Spawns an actor below this one. @throws Error when the name is taken or nact cannot spawn */
  child<Other>(name: string, handle: (message: Other) => void, onFault: (error: unknown) => void): Mailbox<Other>;
  /** Stops this actor only: nact does not stop children, so the owner closes them first. Idempotent. */
  close(): void;
}

/** A nact system with its first actor. */
export interface MailboxSystem { readonly root: Mailbox<never>; close(): void }

/** Starts a nact system. @throws Error when nact cannot start or spawn */
export function startMailboxes(name: string): MailboxSystem {
  const system = nact.start();
  const root = open<never>(system, name, () => { /* the root only holds children */ }, error => { throw error; });
  return { root, close() { root.close(); nact.stop(system); } };
}

function open<Message>(parent: Ref<never>, name: string, handle: (message: Message) => void, onFault: (error: unknown) => void): Mailbox<Message> {
  const ref: Ref<Message> = nact.spawn(parent, (state: null, message: Message): null => {
    try {
      handle(message);
    } catch (error) {
      onFault(error); // nact would turn a fault into a reset, or after a stop into an unhandled rejection
    }
    return state;
  }, name, { initialState: null, onCrash: (_message, _error, ctx) => ctx.stop });
  return {
    post(message) { nact.dispatch(ref, message); },
    child(childName, childHandle, childFault) { return open(ref as Ref<never>, childName, childHandle, childFault); }, // Ref<T> has no members: only a parent's identity is used
    close() { nact.stop(ref); },
  };
}
