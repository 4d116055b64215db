import type { FastifyInstance, FastifyReply } from 'fastify';
import { canonicalSchema, schemaHistory, type SchemaVersion, type TopicName } from '../messages/schema-history.ts';
import { subjectName, TOPICS } from '../messages/topics.ts';
import type { Endpoint } from './endpoints.ts';

/** Media type of a Confluent Schema Registry's answers. */
export const REGISTRY_TYPE = 'application/vnd.schemaregistry.v1+json';

/** The read-only Schema Registry of the gateway: the paths, answers and error codes of Confluent's, for readers of the topics. */
export const REGISTRY_ENDPOINTS: readonly Endpoint[] = [
  { method: 'GET', path: '/schemas/types', summary: 'Schema Registry, read-only: AVRO.' },
  { method: 'GET', path: '/schemas/ids/:schemaId', summary: 'Schema Registry: the schema a record was written with.' },
  { method: 'GET', path: '/schemas/ids/:schemaId/schema', summary: 'Schema Registry: the same, bare.' },
  { method: 'GET', path: '/schemas/ids/:schemaId/subjects', summary: 'Schema Registry: whose schema it is.' },
  { method: 'GET', path: '/schemas/ids/:schemaId/versions', summary: 'Schema Registry: whose schema it is, and which.' },
  { method: 'GET', path: '/subjects', summary: 'Schema Registry: subjects, TOPIC-value.' },
  { method: 'POST', path: '/subjects/:subject', summary: 'Schema Registry: finds a schema of the subject: {schema}.' },
  { method: 'GET', path: '/subjects/:subject/versions', summary: 'Schema Registry: numbers of its schemas.' },
  { method: 'POST', path: '/subjects/:subject/versions', summary: 'Schema Registry: the id of a schema it has: {schema}; others are refused.' },
  { method: 'GET', path: '/subjects/:subject/versions/:version', summary: "Schema Registry: one schema; a number or 'latest'." },
  { method: 'GET', path: '/subjects/:subject/versions/:version/schema', summary: 'Schema Registry: the same, bare.' },
  { method: 'GET', path: '/config', summary: 'Schema Registry: FULL_TRANSITIVE.' },
  { method: 'GET', path: '/config/:subject', summary: 'Schema Registry: FULL_TRANSITIVE.' },
  { method: 'GET', path: '/mode', summary: 'Schema Registry: READONLY.' },
  { method: 'GET', path: '/mode/:subject', summary: 'Schema Registry: READONLY.' },
];

/** True for paths that a Schema Registry's clients call: their errors have its form. */
export function isRegistryPath(path: string): boolean {
  return /^\/(?:schemas|subjects|config|mode)(?:\/|$)/.test(path);
}

/** Answers as a Schema Registry does: `{error_code, message}`. */
export function sendRegistryError(reply: FastifyReply, { status, errorCode, message }: RegistryFault): void {
  void reply.code(status).type(REGISTRY_TYPE).send(JSON.stringify({ error_code: errorCode, message }));
}

/** A refusal; `errorCode` extends the HTTP status by two digits (Confluent Schema Registry API, Errors). */
export interface RegistryFault { readonly status: number; readonly errorCode: number; readonly message: string }

/** What a route found, or why not. */
type Found<Value> = { readonly value: Value } | { readonly fault: RegistryFault };

/** A schema of a subject. */
interface Entry extends SchemaVersion { readonly subject: string }

/** Schemas of the topics under the paths of a Schema Registry. `prefix`: what the topics' names begin with. Queries are not looked at: clients send hints that change nothing here. */
export function registryRoutes(app: FastifyInstance, prefix: string): void {
  const subjects = new Map<string, TopicName>(TOPICS.map(({ name }) => [subjectName(prefix, name), name]));
  const entriesOf = (subject: string): Found<readonly Entry[]> => {
    const topic = subjects.get(subject);
    return topic === undefined ? fault(404, 40_401, `Subject '${subject.slice(0, 200)}' not found.`) : { value: schemaHistory(topic).map((version) => ({ ...version, subject })) };
  };
  app.addContentTypeParser(REGISTRY_TYPE, { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'));
  idRoutes(app, (text) => {
    const entry = [...subjects.keys()].flatMap((subject) => valueOf(entriesOf(subject)) ?? []).find(({ id }) => String(id) === text);
    return entry === undefined ? fault(404, 40_403, `Schema ${text.slice(0, 40)} not found`) : { value: entry };
  });
  versionRoutes(app, entriesOf);
  lookUpRoutes(app, entriesOf);
  app.get('/subjects', (_request, reply) => answer(reply, { value: [...subjects.keys()] }));
  app.get('/schemas/types', (_request, reply) => answer(reply, { value: ['AVRO'] }));
  for (const [path, body] of [['config', { compatibilityLevel: 'FULL_TRANSITIVE' }], ['mode', { mode: 'READONLY' }]] as const) {
    app.get(`/${path}`, (_request, reply) => answer(reply, { value: body }));
    app.get<{ Params: SubjectPath }>(`/${path}/:subject`, (request, reply) => answer(reply, andThen(entriesOf(request.params.subject), () => ({ value: body }))));
  }
}

interface SubjectPath { readonly subject: string }

function idRoutes(app: FastifyInstance, find: (id: string) => Found<Entry>): void {
  const views: Readonly<Record<string, (entry: Entry) => unknown>> = {
    '': (entry) => ({ schema: textOf(entry) }), '/schema': ({ schema }) => schema, '/subjects': ({ subject }) => [subject], '/versions': ({ subject, version }) => [{ subject, version }],
  };
  for (const [suffix, view] of Object.entries(views)) {
    app.get<{ Params: { readonly schemaId: string } }>(`/schemas/ids/:schemaId${suffix}`, (request, reply) => answer(reply, andThen(find(request.params.schemaId), (entry) => ({ value: view(entry) }))));
  }
}

function versionRoutes(app: FastifyInstance, entriesOf: (subject: string) => Found<readonly Entry[]>): void {
  type Path = SubjectPath & { readonly version: string };
  const find = ({ subject, version }: Path): Found<Entry> => andThen(entriesOf(subject), (entries) => {
    if (!/^(?:latest|-1|[1-9]\d{0,9})$/.test(version)) return fault(422, 42_202, `The specified version '${version.slice(0, 40)}' is not a valid version id. Allowed values are between [1, 2^31-1] and the string "latest"`);
    const entry = version === 'latest' || version === '-1' ? entries.at(-1) : entries.find((one) => one.version === Number(version));
    return entry === undefined ? fault(404, 40_402, `Version ${version} not found.`) : { value: entry };
  });
  app.get<{ Params: SubjectPath }>('/subjects/:subject/versions', (request, reply) => answer(reply, andThen(entriesOf(request.params.subject), (entries) => ({ value: entries.map(({ version }) => version) }))));
  app.get<{ Params: Path }>('/subjects/:subject/versions/:version', (request, reply) => answer(reply, andThen(find(request.params), (entry) => ({ value: rowOf(entry) }))));
  app.get<{ Params: Path }>('/subjects/:subject/versions/:version/schema', (request, reply) => answer(reply, andThen(find(request.params), ({ schema }) => ({ value: schema }))));
}

function lookUpRoutes(app: FastifyInstance, entriesOf: (subject: string) => Found<readonly Entry[]>): void {
  const find = (subject: string, body: unknown, missing: RegistryFault): Found<Entry> => andThen(entriesOf(subject), (entries) => andThen(canonicalOf(body), (wanted) => {
    const entry = entries.find(({ text }) => canonicalSchema(text) === wanted);
    return entry === undefined ? { fault: missing } : { value: entry };
  }));
  app.post<{ Params: SubjectPath }>('/subjects/:subject', ({ params, body }, reply) => answer(reply, andThen(
    find(params.subject, body, { status: 404, errorCode: 40_403, message: 'Schema not found' }), (entry) => ({ value: rowOf(entry) }))));
  app.post<{ Params: SubjectPath }>('/subjects/:subject/versions', ({ params, body }, reply) => answer(reply, andThen(
    find(params.subject, body, { status: 422, errorCode: 42_205, message: `Subject ${params.subject.slice(0, 200)} is in read-only mode: this registry holds the schemas of vto and takes no others` }), ({ id }) => ({ value: { id } }))));
}

/** The schema of a request's body `{schema: text}`, in the form that is compared. */
function canonicalOf(body: unknown): Found<string> {
  const text = typeof body === 'object' && body !== null && 'schema' in body ? body.schema : undefined;
  if (typeof text !== 'string') return fault(422, 42_201, 'Empty schema');
  try {
    return { value: canonicalSchema(text) };
  } catch {
    return fault(422, 42_201, 'Invalid schema: it is no JSON');
  }
}

function rowOf(entry: Entry): { readonly subject: string; readonly version: number; readonly id: number; readonly schema: string } {
  return { subject: entry.subject, version: entry.version, id: entry.id, schema: textOf(entry) };
}

function textOf({ schema }: Entry): string {
  return JSON.stringify(schema);
}

function fault(status: number, errorCode: number, message: string): { readonly fault: RegistryFault } {
  return { fault: { status, errorCode, message } };
}

function valueOf<Value>(found: Found<Value>): Value | undefined {
  return 'value' in found ? found.value : undefined;
}

function andThen<Value, Next>(found: Found<Value>, next: (value: Value) => Found<Next>): Found<Next> {
  return 'fault' in found ? found : next(found.value);
}

/** The text as it is: the schemas are public, and scrubbing must not change them. */
function answer(reply: FastifyReply, found: Found<unknown>): FastifyReply {
  if ('value' in found) return reply.type(REGISTRY_TYPE).send(JSON.stringify(found.value));
  sendRegistryError(reply, found.fault);
  return reply;
}
