import type { GopReader } from '../../src/data-ops/feed/handover.ts';
import { SwitchedPort } from '../../src/data-ops/feed/switched-port.ts';
import { chunkPartCodec } from '../../src/messages/chunk-part-codec.ts';
import { connectIpc } from '../../src/transports/ipc/connect-ipc.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { IpcNode, LinkOutPort, PortBounds } from '../../src/transports/ipc-types.ts';
import type { RoleContext } from '../process/role-process.ts';
import type { SwitchedNote, SwitchMessage } from './switch-messages.ts';

/** What the ways to vision processes are made of. */
export interface VisionPortsOptions {
  readonly sockets: readonly string[];
  /** Parts that a vision process has not taken over yet. */
  readonly bounds: PortBounds;
  readonly gopOf: GopReader;
}

interface Switching { readonly id: number; readonly nodes: readonly IpcNode[] }

/** The ways to the vision processes of a node, each of which is replaced now and then by one with another model. */
export class VisionPorts {
  readonly ports: readonly SwitchedPort[];
  readonly #options: VisionPortsOptions;
  readonly #ctx: RoleContext;
  #nodes: readonly IpcNode[];
  #switching: Switching | undefined;

  constructor(options: VisionPortsOptions, ctx: RoleContext) {
    this.#options = options;
    this.#ctx = ctx;
    this.#nodes = options.sockets.map(path => this.#connect(path));
    const onPause = (seconds: number): void => ctx.telemetry.observe('switchPause', {}, seconds);
    this.ports = this.#nodes.map(node => new SwitchedPort({ port: this.#output(node), gopOf: options.gopOf, clock: ctx.clock, onPause }));
  }

  /** Takes a message of the root. */
  receive(message: SwitchMessage): void {
    if (message.type === 'switch') this.#switch(message.id, message.sockets);
    else if (message.id === this.#switching?.id) this.#settle(this.#switching, message.isDone);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#nodes, ...this.#switching?.nodes ?? []].map(node => node.close()));
  }

  #switch(id: number, sockets: readonly string[]): void {
    if (this.#switching?.id === id) return; // told by the settings it was started with
    if (this.#switching) this.#settle(this.#switching, false);
    const nodes = sockets.map(path => this.#connect(path));
    this.#switching = { id, nodes };
    Promise.all(this.ports.flatMap((port, index) => { const node = nodes[index]; return node ? [port.switchTo(this.#output(node))] : []; })).then(
      () => this.#ctx.note({ type: 'switched', id } satisfies SwitchedNote),
      () => { /* it was settled first */ },
    );
  }

  #settle({ nodes }: Switching, isDone: boolean): void {
    this.#switching = undefined;
    for (const port of this.ports) port.settle(isDone);
    const leaving = isDone ? this.#nodes : nodes;
    if (isDone) this.#nodes = nodes;
    for (const node of leaving) void node.close();
  }

  #connect(path: string): IpcNode {
    const { clock, random } = this.#ctx;
    return connectIpc({ path, clock, random, backoffMs: 10, backoffMaxMs: 200 });
  }

  #output(node: IpcNode): LinkOutPort<ChunkPart> {
    return node.output('vto.chunks', chunkPartCodec, this.#options.bounds);
  }
}
