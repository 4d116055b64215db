import type { Socket } from 'node:net';
import { STATUS_CODES } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { PlatformError } from '../engine/errors.ts';
import { CHALLENGE } from './authorize.ts';
import { ENDPOINTS, methodsOf } from './endpoints.ts';
import type { Face } from './face.ts';
import { sendPage } from './live/send-page.ts';
import { PROBLEM_TYPE, problemOf, type Problem } from './problem.ts';
import { isRegistryPath, REGISTRY_ENDPOINTS, sendRegistryError } from './registry-routes.ts';

const RETRY_AFTER_SECONDS = 5;

function asPlatformError(error: unknown, isPublishing: boolean): unknown {
  if (error instanceof PlatformError || !(error instanceof Error)) return error;
  const { code, statusCode } = error as Error & { readonly code?: unknown; readonly statusCode?: unknown }; // fastify's errors carry both
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE': return new PlatformError('REQUEST_TOO_LARGE', 'the body is larger than this API takes');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE': return isPublishing ? new PlatformError('MEDIA_TYPE_REFUSED', 'the body is of a type that is not taken here', { field: 'content-type' }) : new PlatformError('REQUEST_INVALID', 'the body must be application/json', { field: 'content-type' });
    case 'FST_ERR_BAD_URL': return new PlatformError('REQUEST_INVALID', 'the path is not percent-encoded UTF-8');
    case 'FST_ERR_HANDLER_TIMEOUT': return new PlatformError('TIMED_OUT', 'the answer did not come in time', {}, error);
    case 'FST_ERR_MAX_PARAM_LENGTH': return new PlatformError('REQUEST_INVALID', 'a path segment is too long');
    default: break;
  }
  const isBodyFault = typeof code === 'string' && code.startsWith('FST_ERR_CTP_');
  if (isBodyFault || statusCode === 400) return new PlatformError('REQUEST_INVALID', 'the body cannot be read as JSON of its stated length', { field: 'body' });
  return error;
}

/** Sends the problem of anything thrown, once; to clients of a Schema Registry in its form. */
export function sendProblem(face: Face, error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const known = asPlatformError(error, request.routeOptions.config.isPublishing === true);
  const problem = problemOf(known);
  if (problem.code === 'UNEXPECTED') {
    face.counts.failures++;
    face.log.error({ request: request.id, error }, 'request failed unexpectedly');
  }
  reply.code(problem.status);
  if (problem.status === 429 || problem.status === 503) reply.header('retry-after', String(RETRY_AFTER_SECONDS));
  if (problem.status === 401) {
    reply.header('www-authenticate', CHALLENGE);
    if (request.routeOptions.config.isPage === true) { void sendPage(reply, 'sign-in.html'); return; }
  }
  if (isRegistryPath(pathOf(request))) {
    sendRegistryError(reply, { status: problem.status, errorCode: problem.status, message: problem.detail });
    return;
  }
  void reply.code(problem.status).header('content-type', PROBLEM_TYPE).send({ ...problem, instance: `urn:visutility:request:${request.id}` });
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '';
}

function refuseRoute(face: Face, request: FastifyRequest, reply: FastifyReply): void {
  const path = pathOf(request);
  const methods = methodsOf(path, [...ENDPOINTS, ...REGISTRY_ENDPOINTS]);
  if (methods.length === 0) {
    sendProblem(face, new PlatformError('ROUTE_UNKNOWN', `nothing at '${path.slice(0, 120)}'`), request, reply);
    return;
  }
  void reply.header('allow', methods.join(', '));
  sendProblem(face, new PlatformError('METHOD_REFUSED', `'${path.slice(0, 120)}' takes ${methods.join(', ')}, not ${request.method}`), request, reply);
}

/** Answers every error and every unknown route with problem details. */
export function errorReplies(app: FastifyInstance, face: Face): void {
  app.setErrorHandler((error, request, reply) => { sendProblem(face, error, request, reply); });
  app.setNotFoundHandler((request, reply) => { refuseRoute(face, request, reply); });
}

function connectionProblem(code: string | undefined): Problem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW': return { ...problemOf(new PlatformError('REQUEST_TOO_LARGE', 'the headers are larger than this API takes')), status: 431 };
    case 'ERR_HTTP_REQUEST_TIMEOUT': return { ...problemOf(new PlatformError('REQUEST_INVALID', 'the request did not arrive in time')), status: 408 };
    default: return problemOf(new PlatformError('REQUEST_INVALID', 'the bytes are no HTTP/1.1 request'));
  }
}

/** Answers bytes that are no request. A connection that already got an answer is only closed: more bytes could corrupt a stream. */
export function refuseConnection(error: Error & { readonly code?: string }, socket: Socket): void {
  if (socket.writable && socket.bytesWritten === 0 && error.code !== 'ECONNRESET') {
    const problem = connectionProblem(error.code);
    const body = JSON.stringify(problem);
    const head = `HTTP/1.1 ${String(problem.status)} ${STATUS_CODES[problem.status] ?? ''}\r\ncontent-type: ${PROBLEM_TYPE}\r\nconnection: close\r\n`;
    socket.end(`${head}content-length: ${String(Buffer.byteLength(body))}\r\n\r\n${body}`, () => { socket.destroy(); });
    return;
  }
  socket.destroy();
}
