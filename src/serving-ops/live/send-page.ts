import { readFile } from 'node:fs/promises';
import type { FastifyReply } from 'fastify';

/** Where the pages and their files lie. */
export const PAGES_FOLDER = new URL('../pages/', import.meta.url);

/** Content Security Policy of the pages: nothing but this server, no inline code, no other hosts, in no frame. */
export const PAGE_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob:; media-src 'self' blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** Sends one of the pages. */
export async function sendPage(reply: FastifyReply, name: string): Promise<FastifyReply> {
  const page = await readFile(new URL(name, PAGES_FOLDER));
  return await reply.headers({ 'content-type': 'text/html; charset=utf-8', 'content-security-policy': PAGE_POLICY, 'referrer-policy': 'no-referrer' }).send(page);
}
