import type avro from 'avsc';
import type { Clock } from '../engine/clock.ts';
import { PlatformError } from '../engine/errors.ts';
import { withTimeout } from '../engine/timers.ts';
import { WIRE_FORMATS } from '../messages/generated/wire.ts';
import { currentSchema, fixedSchemaIds, type SchemaIds } from '../messages/schema-ids.ts';
import type { TopicName } from '../messages/schema-history.ts';
import { subjectName, TOPICS } from '../messages/topics.ts';

/** Where a Schema Registry is, and how patiently it is asked. */
export interface SchemaRegistryOptions {
  /** `http(s)://[user:password@]host[:port][/path]`. */
  readonly url: string;
  /** What the topics' names begin with. */
  readonly prefix: string;
  readonly clock: Clock;
  /** Ends requests and waits. */
  readonly signal: AbortSignal;
  /** For one answer. @default 5000 */
  readonly timeoutMs?: number;
  /** Requests until an answer comes, with growing waits in between; Infinity: as long as it takes. @default 5 */
  readonly tries?: number;
}

const REGISTRY_TYPE = 'application/vnd.schemaregistry.v1+json';
const MAX_ANSWER_BYTES = 1024 * 1024;
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;
/** Schemas of others that are kept; more come only from a registry that is not ours. */
const MAX_LEARNT = 1_000;
/** A schema that was not there, or not fit, is asked for again after so long: the registry's copies may lag. */
const REFUSAL_MS = 10_000;

/** An answer of the registry: status and JSON. */
interface Answer { readonly status: number; readonly json: Readonly<Record<string, unknown>> }

type Ask = (method: 'GET' | 'POST', path: string, body?: object) => Promise<Answer>;

/**
 * Schema ids of a Confluent-compatible Schema Registry. The current schemas are registered under `<topic>-value`; records of before there was a
 * registry are read too. Schemas fetched by id serve only where ours can be read from them.
 * @throws PlatformError REGISTRY_UNAVAILABLE when it does not answer, REGISTRY_REFUSED when it takes a schema not, CONFIG_INVALID for the URL
 */
export async function connectSchemaRegistry(options: SchemaRegistryOptions): Promise<SchemaIds> {
  const ask = createAsk(options);
  const fixed = fixedSchemaIds();
  const current = new Map<TopicName, number>();
  for (const { name } of TOPICS) current.set(name, await register(ask, subjectName(options.prefix, name), currentSchema(name).schema));
  const learnt = new Map<string, avro.schema.RecordType>();
  const refusedUntilMs = new Map<string, number>();
  const underWay = new Map<string, Promise<boolean>>();

  async function fetchOnce(topic: TopicName, id: number): Promise<boolean> {
    const schema = await fetchSchema(ask, topic, id);
    if (learnt.size + refusedUntilMs.size >= MAX_LEARNT) for (const schemas of [learnt, refusedUntilMs]) schemas.clear();
    if (schema === undefined) refusedUntilMs.set(`${topic} ${id}`, options.clock.monotonicMs() + REFUSAL_MS);
    else learnt.set(`${topic} ${id}`, schema);
    return schema !== undefined;
  }

  return {
    idOf: (topic) => current.get(topic) ?? fixed.idOf(topic),
    schemaOf: (topic, id) => learnt.get(`${topic} ${id}`) ?? fixed.schemaOf(topic, id),
    async learn(topic, id) {
      const key = `${topic} ${id}`;
      if (learnt.has(key)) return true;
      if ((refusedUntilMs.get(key) ?? 0) > options.clock.monotonicMs()) return false;
      const fetching = underWay.get(key) ?? fetchOnce(topic, id).finally(() => underWay.delete(key));
      underWay.set(key, fetching);
      return await fetching;
    },
  };
}

/**
 * How many subjects a registry holds; nothing is registered.
 * @throws PlatformError REGISTRY_UNAVAILABLE when it does not answer, REGISTRY_REFUSED when it answers otherwise, CONFIG_INVALID for the URL
 */
export async function countSubjects(options: SchemaRegistryOptions): Promise<number> {
  const { status, json } = await createAsk(options)('GET', 'subjects');
  if (status === 200 && Array.isArray(json)) return json.length;
  throw new PlatformError('REGISTRY_REFUSED', `the schema registry ${parseUrl(options.url).label} does not list its subjects: ${reason(status, json)}`, { status });
}

/** Schema ids as the settings want them: of the registry they name, else fixed ones. */
export async function openSchemaIds(options: SchemaRegistryOptions): Promise<SchemaIds> {
  return options.url === '' ? fixedSchemaIds() : await connectSchemaRegistry(options);
}

async function register(ask: Ask, subject: string, schema: avro.schema.RecordType): Promise<number> {
  const { status, json } = await ask('POST', `subjects/${encodeURIComponent(subject)}/versions`, { schema: JSON.stringify(schema) });
  const id = json['id'];
  if (status === 200 && typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < 2 ** 32) return id;
  throw new PlatformError('REGISTRY_REFUSED', `the schema registry took the schema of '${subject}' not: ${reason(status, json)}`, { subject, status });
}

/** The schema of an id, when there is one and ours can be read from it. */
async function fetchSchema(ask: Ask, topic: TopicName, id: number): Promise<avro.schema.RecordType | undefined> {
  const { status, json } = await ask('GET', `schemas/ids/${id}`);
  if (status === 401 || status === 403) throw new PlatformError('REGISTRY_REFUSED', `the schema registry gave schema ${id} not: ${reason(status, json)}`, { schemaId: id, status });
  const text = json['schema'];
  if (status !== 200 || typeof text !== 'string' || (json['schemaType'] ?? 'AVRO') !== 'AVRO') return undefined;
  try {
    const schema = JSON.parse(text) as avro.schema.RecordType; // only what resolves to ours gets past the next line
    WIRE_FORMATS[topic].resolve(schema);
    return schema;
  } catch {
    return undefined;
  }
}

function reason(status: number, json: Answer['json']): string {
  return `${status} ${typeof json['message'] === 'string' ? json['message'].slice(0, 300) : ''}`.trim();
}

function createAsk({ url, clock, signal, timeoutMs = 5_000, tries = 5 }: SchemaRegistryOptions): Ask {
  const { base, authorization, label } = parseUrl(url);
  const headers = { accept: REGISTRY_TYPE, 'content-type': REGISTRY_TYPE, ...authorization !== undefined && { authorization } };

  async function once(method: string, path: string, body?: object): Promise<Answer> {
    const ended = new AbortController();
    const late = new PlatformError('REGISTRY_UNAVAILABLE', `the schema registry ${label} gave no answer within ${timeoutMs} ms`);
    try {
      const answer = async (): Promise<Answer> => {
        const response = await fetch(new URL(path, base), { method, headers, signal: AbortSignal.any([signal, ended.signal]), ...body && { body: JSON.stringify(body) } });
        return { status: response.status, json: await readJson(response) };
      };
      return await withTimeout(answer(), timeoutMs, clock, late);
    } finally {
      ended.abort();
    }
  }

  return async (method, path, body) => {
    for (let attempt = 1; ; attempt += 1) {
      signal.throwIfAborted();
      const answer = await once(method, path, body).catch((error: unknown) => {
        signal.throwIfAborted();
        return unavailable(label, error);
      });
      if (!(answer instanceof PlatformError) && answer.status < 500 && answer.status !== 429) return answer;
      if (attempt >= tries) throw answer instanceof PlatformError ? answer : unavailable(label, new Error(reason(answer.status, answer.json)));
      await clock.sleep(Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1)), signal);
    }
  };
}

function unavailable(label: string, error: unknown): PlatformError {
  if (error instanceof PlatformError) return error;
  const { message, cause } = error instanceof Error ? error : { message: String(error), cause: undefined };
  return new PlatformError('REGISTRY_UNAVAILABLE', `the schema registry ${label} does not answer: ${cause instanceof Error && cause.message !== '' ? cause.message : message}`, {}, error);
}

/** The JSON object of an answer; empty when it is none, or too large. */
async function readJson(response: Response): Promise<Answer['json']> {
  const pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const piece of response.body ?? []) {
    sizeBytes += piece.byteLength;
    if (sizeBytes > MAX_ANSWER_BYTES) return {};
    pieces.push(piece);
  }
  try {
    const json: unknown = JSON.parse(Buffer.concat(pieces).toString());
    return typeof json === 'object' && json !== null ? json as Answer['json'] : {};
  } catch {
    return {};
  }
}

interface Place { readonly base: URL; readonly authorization: string | undefined; readonly label: string }

/** `fetch` takes no credentials in a URL: they become a header. */
function parseUrl(text: string): Place {
  const base = URL.parse(text);
  if (base === null || !/^https?:$/.test(base.protocol)) throw new PlatformError('CONFIG_INVALID', 'kafka.schemaRegistryUrl is no http or https URL', { field: 'kafka.schemaRegistryUrl' });
  const { username, password } = base;
  const authorization = username === '' ? undefined : `Basic ${Buffer.from(`${plainText(username)}:${plainText(password)}`).toString('base64')}`;
  Object.assign(base, { username: '', password: '', search: '', hash: '' });
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  return { base, authorization, label: base.href };
}

/** Percent-encoded text as it was meant; as it is where it is not such text. */
function plainText(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
