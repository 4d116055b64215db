import type { z } from 'zod';
import { PlatformError } from './errors.ts';

/** One variant of a kind of component: an encoder, a source protocol, a model family … Its options' schema is also its documentation. */
export interface Plugin<Made, Deps, Options extends z.ZodType = z.ZodType> {
  /** Name used in the configuration; unique within its kind. */
  readonly type: string;
  /** One sentence: what it is and when to choose it. */
  readonly summary: string;
  readonly options: Options;
  /** Valid options, used by the docs and by the contract tests. At least one. */
  readonly examples: readonly z.input<Options>[];
  create(options: z.output<Options>, deps: Deps): Made | Promise<Made>;
}

/** A plugin whose options have been checked: what the registry holds. */
export interface PluginEntry<Made, Deps> {
  readonly type: string;
  readonly summary: string;
  readonly options: z.ZodType;
  readonly examples: readonly unknown[];
  make(options: unknown, deps: Deps, path: string): Promise<Made>;
}

/** Checks the plugin's types once (options agree with the schema) and hides them, so that plugins of different options fit one list. */
export function definePlugin<Made, Deps, Options extends z.ZodType>(plugin: Plugin<Made, Deps, Options>): PluginEntry<Made, Deps> {
  return {
    type: plugin.type,
    summary: plugin.summary,
    options: plugin.options,
    examples: plugin.examples,
    async make(options, deps, path) {
      const checked = plugin.options.safeParse(options ?? {});
      if (checked.success) return plugin.create(checked.data, deps);
      const issue = checked.error.issues[0];
      const at = [path, ...(issue?.path ?? [])].filter(part => part !== '').join('.');
      throw new PlatformError('CONFIG_INVALID', `${at}: ${issue?.message ?? 'invalid options'}`, { path: at, type: plugin.type }, checked.error);
    },
  };
}

/** The plugins of one kind, by name. What is registered is what is listed: no side-effect imports. */
export class Registry<Made, Deps> {
  readonly kind: string;
  readonly #entries: ReadonlyMap<string, PluginEntry<Made, Deps>>;

  /** @throws Error when two plugins share a type: a bug of the list */
  constructor(kind: string, plugins: readonly PluginEntry<Made, Deps>[]) {
    this.kind = kind;
    this.#entries = new Map(plugins.map(plugin => [plugin.type, plugin]));
    if (this.#entries.size !== plugins.length) throw new Error(`two plugins of kind '${kind}' share a type`);
  }

  /** The plugins in the order they were listed. */
  list(): readonly PluginEntry<Made, Deps>[] {
    return [...this.#entries.values()];
  }

  has(type: string): boolean {
    return this.#entries.has(type);
  }

  /** @throws PlatformError PLUGIN_UNKNOWN, listing the known types */
  get(type: string): PluginEntry<Made, Deps> {
    const entry = this.#entries.get(type);
    if (entry !== undefined) return entry;
    const known = [...this.#entries.keys()].toSorted().join(', ');
    throw new PlatformError('PLUGIN_UNKNOWN', `unknown ${this.kind} '${type}' (known: ${known})`, { kind: this.kind, type });
  }

  /**
   * Checks the options and builds the plugin. `path` is where the options stand in the configuration.
   * @throws PlatformError PLUGIN_UNKNOWN; CONFIG_INVALID naming the path of the wrong option
   */
  async create(type: string, options: unknown, deps: Deps, path = ''): Promise<Made> {
    return this.get(type).make(options, deps, path);
  }
}
