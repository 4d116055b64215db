import type { Knock } from './knock.ts';
import type { MediaAccess } from './media-access.ts';
import type { PublisherDoor } from './publisher.ts';
import type { SourceContext } from './source.ts';

/** What every source plugin is made from, besides its own options. */
export interface SourceDeps {
  /** As configured, with credentials. */
  readonly uri: string;
  readonly ctx: SourceContext;
  readonly media: MediaAccess;
  /** @default over the network */
  readonly knock?: Knock;
  /** Where the camera waits for publishers; absent where nobody can publish. */
  readonly publishers?: PublisherDoor | undefined;
}
