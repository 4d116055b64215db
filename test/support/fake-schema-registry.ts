import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A small Schema Registry over real HTTP, in the answers of Confluent's. */
export interface FakeSchemaRegistry {
  readonly url: string;
  /** Requests so far, as `METHOD path`. */
  readonly requests: string[];
  /** `authorization` of the last request. */
  readonly lastAuthorization: string | undefined;
  /** Puts a schema in place and gives its id. */
  put(subject: string, schema: string): number;
  /** What to do with requests instead of answering them, until it is undefined. */
  trouble: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  close(): Promise<void>;
}

interface Registered { readonly subject: string; readonly schema: string }

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' }).end(JSON.stringify(body));
}

async function textOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
}

/** Starts one on a free port of loopback, below `/registry/`. */
export async function fakeSchemaRegistry(): Promise<FakeSchemaRegistry> {
  const schemas: Registered[] = [];
  const requests: string[] = [];
  let lastAuthorization: string | undefined;
  let trouble: FakeSchemaRegistry['trouble'];
  const put = (subject: string, schema: string): number => {
    const index = schemas.findIndex((one) => one.schema === schema);
    return index < 0 ? schemas.push({ subject, schema }) : index + 1;
  };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    requests.push(`${request.method} ${request.url}`);
    lastAuthorization = request.headers.authorization;
    if (trouble) { trouble(request, response); return; }
    const id = /^\/registry\/schemas\/ids\/(\d+)$/.exec(request.url ?? '')?.[1];
    const subject = /^\/registry\/subjects\/([^/]+)\/versions$/.exec(request.url ?? '')?.[1];
    if (request.method === 'POST' && subject !== undefined) {
      reply(response, 200, { id: put(decodeURIComponent(subject), (JSON.parse(await textOf(request)) as { schema: string }).schema) });
      return;
    }
    const found = schemas[Number(id) - 1];
    if (found) reply(response, 200, { schema: found.schema });
    else reply(response, 404, { error_code: 40403, message: 'Schema not found' });
  };
  const server = createServer((request, response) => { void answer(request, response); });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/registry`, requests, put,
    get lastAuthorization() { return lastAuthorization; },
    get trouble() { return trouble; },
    set trouble(next) { trouble = next; },
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => { server.close(() => { resolve(); }); });
    },
  };
}
