import { readFile } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';
import type { Face } from '../face.ts';
import { CameraPath, FileQuery, NoQuery, parseRequest } from '../requests.ts';
import { cameraView } from '../resolve-stream.ts';
import { PAGE_POLICY, PAGES_FOLDER, sendPage } from './send-page.ts';

/** Files of the pages, by the path they are served at. They hold nothing of this platform's cameras, so that they need no token. */
const ASSETS = {
  'live.css': 'text/css; charset=utf-8', 'icon.svg': 'image/svg+xml',
  'list-page.js': 'text/javascript; charset=utf-8', 'live-page.js': 'text/javascript; charset=utf-8',
  'live-link.js': 'text/javascript; charset=utf-8', 'live-boxes.js': 'text/javascript; charset=utf-8',
  'publish-page.js': 'text/javascript; charset=utf-8', 'whip.js': 'text/javascript; charset=utf-8',
  'jsmpeg-page.js': 'text/javascript; charset=utf-8', 'codec-player.js': 'text/javascript; charset=utf-8', 'media-player.js': 'text/javascript; charset=utf-8',
} as const;

/** The player for old browsers, as its package has it: a script that is no module. */
const JSMPEG_PLAYER = new URL('jsmpeg-player.umd.min.js', import.meta.resolve('@cycjimmy/jsmpeg-player'));

/** The pages that show cameras, and the one that publishes to them: `/live`, `/live/:id`, `/live/:id/publish` and their files. */
export function pageRoutes(app: FastifyInstance, face: Face): void {
  const config = { takesQueryToken: true, isPage: true };
  app.get('/live', { config }, async (request, reply) => {
    parseRequest(FileQuery, request.query, 'query');
    return await sendPage(reply, 'list.html');
  });
  app.get('/live/:id', { config }, async (request, reply) => {
    parseRequest(FileQuery, request.query, 'query');
    cameraView(face, parseRequest(CameraPath, request.params, 'path').id);
    return await sendPage(reply, 'live.html');
  });
  app.get('/live/:id/jsmpeg', { config }, async (request, reply) => {
    parseRequest(FileQuery, request.query, 'query');
    cameraView(face, parseRequest(CameraPath, request.params, 'path').id);
    return await sendPage(reply, 'jsmpeg.html');
  });
  app.get('/live/files/jsmpeg-player.js', { config: { isOpen: true } }, async (request, reply) => {
    parseRequest(NoQuery, request.query, 'query');
    return await reply.headers({ 'content-type': 'text/javascript; charset=utf-8', 'cache-control': 'no-cache', 'content-security-policy': PAGE_POLICY }).send(await readFile(JSMPEG_PLAYER));
  });
  app.get('/live/:id/publish', { config }, async (request, reply) => {
    parseRequest(FileQuery, request.query, 'query');
    cameraView(face, parseRequest(CameraPath, request.params, 'path').id);
    return await sendPage(reply, 'publish.html');
  });
  for (const [name, type] of Object.entries(ASSETS)) {
    app.get(`/live/files/${name}`, { config: { isOpen: true } }, async (request, reply) => {
      parseRequest(NoQuery, request.query, 'query');
      return await reply.headers({ 'content-type': type, 'cache-control': 'no-cache', 'content-security-policy': PAGE_POLICY }).send(await readFile(new URL(name, PAGES_FOLDER)));
    });
  }
}
