import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { PlatformError } from '../engine/errors.ts';
import type { Face } from './face.ts';
import { CameraPath, NoQuery, parseRequest, WhipSessionPath } from './requests.ts';
import { cameraView } from './resolve-stream.ts';

/** Where a publisher sends its offer. */
export const WHIP_PATH = '/whip/:id';

/** A session that was granted. */
export const WHIP_SESSION_PATH = '/whip/:id/:session';

const OFFER_TYPE = 'application/sdp';
const FRAGMENT_TYPE = 'application/trickle-ice-sdpfrag';
const BODY_LIMIT_BYTES = 64 * 1024;
/** How long a browser may remember what it was told before it published. */
const PREFLIGHT_SECONDS = 600;

/** A STUN or TURN server that publishers are told of. */
export interface IceServer { readonly urls: string; readonly username?: string | undefined; readonly credential?: string | undefined }

/** How publishers are served. */
export interface WhipFaceOptions {
  /** Origins of pages, other than ours, that may publish; `*`: any. */
  readonly allowOrigins: readonly string[];
  readonly iceServers: readonly IceServer[];
}

/** Publishing by WebRTC (RFC 9725): offers, ICE, and the end of sessions. */
export function whipRoutes(app: FastifyInstance, face: Face): void {
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    for (const type of [OFFER_TYPE, FRAGMENT_TYPE]) scope.addContentTypeParser(type, { parseAs: 'string', bodyLimit: BODY_LIMIT_BYTES }, (_request, body, done) => { done(null, body); });
    const config = { isPublishing: true };
    scope.addHook('onRequest', async (request, reply) => { allowOrigin(face, request, reply); });
    for (const url of [WHIP_PATH, WHIP_SESSION_PATH]) scope.options(url, { config: { ...config, isOpen: true } }, async (request, reply) => preflight(request, reply)); // browsers ask without a token
    scope.post(WHIP_PATH, { config }, async (request, reply) => publish(face, request, reply));
    scope.patch(WHIP_SESSION_PATH, { config }, async (request, reply) => changeIce(face, request, reply));
    scope.delete(WHIP_SESSION_PATH, { config }, async (request, reply) => {
      parseRequest(NoQuery, request.query, 'query');
      const { id, session } = parseRequest(WhipSessionPath, request.params, 'path');
      cameraView(face, id);
      await face.backend.whip.end(id, { session }, aborting(reply));
      face.log.info({ camera: id }, 'publisher ended its session');
      return await reply.code(200).send();
    });
  });
}

async function publish(face: Face, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  parseRequest(NoQuery, request.query, 'query');
  const { id } = parseRequest(CameraPath, request.params, 'path');
  cameraView(face, id);
  if (!accepts(request.headers.accept, OFFER_TYPE)) throw new PlatformError('NOT_ACCEPTABLE', `the answer is ${OFFER_TYPE}, which the Accept header leaves out`);
  const { session, answer, entityTag } = await face.backend.whip.publish(id, { offer: bodyOf(request, OFFER_TYPE) }, aborting(reply));
  face.log.info({ camera: id }, 'publisher let in');
  const servers = face.whip.iceServers.map(linkOf);
  return await reply.code(201).headers({ location: `/whip/${id}/${session}`, etag: entityTag, 'content-type': OFFER_TYPE, 'accept-patch': FRAGMENT_TYPE, ...servers.length > 0 && { link: servers } }).send(answer);
}

async function changeIce(face: Face, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  parseRequest(NoQuery, request.query, 'query');
  const { id, session } = parseRequest(WhipSessionPath, request.params, 'path');
  cameraView(face, id);
  const expectedTag = request.headers['if-match'];
  if (expectedTag === undefined) throw new PlatformError('ENTITY_TAG_MISSING', 'the request lacks If-Match');
  const { entityTag, fragment } = await face.backend.whip.trickle(id, { session, fragment: bodyOf(request, FRAGMENT_TYPE), expectedTag }, aborting(reply));
  reply.header('etag', entityTag);
  return fragment === undefined ? await reply.code(204).send() : await reply.code(200).header('content-type', FRAGMENT_TYPE).send(fragment);
}

/** @throws PlatformError MEDIA_TYPE_REFUSED when the body is missing or of another type */
function bodyOf(request: FastifyRequest, type: string): string {
  const given = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (given !== type || typeof request.body !== 'string') throw new PlatformError('MEDIA_TYPE_REFUSED', `the body must be ${type}`, { field: 'content-type' });
  return request.body;
}

/** What a page of another origin may send and read, told before it does (Fetch, section 3.2). */
async function preflight(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const isSession = request.routeOptions.url === WHIP_SESSION_PATH;
  return await reply.code(204).headers({
    ...isSession ? { 'accept-patch': FRAGMENT_TYPE, allow: 'PATCH, DELETE, OPTIONS' } : { 'accept-post': OFFER_TYPE, allow: 'POST, OPTIONS' },
    'access-control-allow-methods': isSession ? 'PATCH, DELETE' : 'POST', 'access-control-allow-headers': 'Authorization, Content-Type, If-Match', 'access-control-max-age': String(PREFLIGHT_SECONDS),
  }).send();
}

/** Origins that are not allowed did not come so far. */
function allowOrigin(face: Face, request: FastifyRequest, reply: FastifyReply): void {
  const { origin } = request.headers;
  if (origin === undefined || !isOriginAllowed(origin, face.whip.allowOrigins)) return;
  reply.headers({ 'access-control-allow-origin': origin, 'access-control-expose-headers': 'Location, ETag, Link, Accept-Patch', vary: 'Origin' });
}

/** True for pages of other origins that may publish. */
export function isOriginAllowed(origin: string, allowed: readonly string[]): boolean {
  return allowed.includes('*') || allowed.includes(origin);
}

/** Whether an Accept header lets a type through (RFC 9110, section 12.5.1); its weights other than 0 do not matter for a single choice. */
function accepts(header: string | undefined, type: string): boolean {
  if (header === undefined || header.trim() === '') return true;
  const [kind = ''] = type.split('/');
  const ranges = header.split(',').map((range) => range.trim().toLowerCase().split(/\s*;\s*/));
  return ranges.some(([range, ...parameters]) => (range === type || range === `${kind}/*` || range === '*/*') && !parameters.some((parameter) => /^q=0(?:\.0{0,3})?$/.test(parameter)));
}

/** `Link` of an ICE server (RFC 9725, section 4.6). */
function linkOf({ urls, username, credential }: IceServer): string {
  const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;
  return [`<${urls}>; rel="ice-server"`, ...username === undefined ? [] : [`username=${quoted(username)}`], ...credential === undefined ? [] : [`credential=${quoted(credential)}; credential-type="password"`]].join('; ');
}

/** Aborts when whoever asks hangs up. */
function aborting(reply: FastifyReply): AbortSignal {
  const left = new AbortController();
  reply.raw.once('close', () => { if (!reply.raw.writableFinished) left.abort(new Error('the caller left')); });
  return left.signal;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Pages of other origins may use the route where the settings say so. */
    isPublishing?: boolean;
  }
}
