import { z } from 'zod';
import { PlatformError } from '../engine/errors.ts';
import { isCameraId, type CameraId } from '../engine/units.ts';
import { encoder } from '../utility-ops/config/schema.ts';

const whole = (min: number, max: number): z.ZodType<number> => z.string().regex(/^\d{1,16}$/, 'must be a whole number').transform(Number)
  .pipe(z.number().min(min).max(max));
const cameraId = z.string().refine((text): text is CameraId => isCameraId(text), 'must be 1 to 63 of a-z 0-9 - _, starting with a letter or digit');
const one = z.string({ error: 'must be given once' });
const moment = one.transform((text, ctx) => {
  const millis = /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(millis)) { ctx.addIssue({ code: 'custom', message: 'must be an RFC 3339 time such as 2026-01-31T12:00:00Z' }); return z.NEVER; }
  return millis * 1000;
});

/** Most cameras in one aligned stream. */
const MAX_ALIGNED = 16;

/** Query of `GET /api/v1/infer`. */
export const InferQuery = z.strictObject({
  stream: z.union([z.string().min(1).transform((text) => [text]), z.array(z.string().min(1)).min(1).max(MAX_ALIGNED)], { error: `must name 1 to ${String(MAX_ALIGNED)} cameras or stream URLs` }),
  frames: whole(1, 1e9).optional(),
  after: whole(0, Number.MAX_SAFE_INTEGER).optional(),
  include: z.literal('dropped', { error: "must be 'dropped'" }).optional(),
  align: whole(1, 60_000).optional(),
});

/** Query of `GET /api/v1/records`. */
export const RecordsQuery = z.strictObject({ camera: cameraId.optional(), after: whole(0, Number.MAX_SAFE_INTEGER).default(0), limit: whole(1, 1000).default(100) });

/** Query of `GET /api/v1/events`. */
export const EventsQuery = z.strictObject({ camera: cameraId.optional(), limit: whole(1, 1000).default(100) });

/** Query of `GET /api/v1/chunks`. */
export const ChunksQuery = z.strictObject({ camera: cameraId.optional(), from: moment.optional(), to: moment.optional(), limit: whole(1, 1000).default(100) });

/** Query of `GET /readyz`. */
export const ReadyQuery = z.strictObject({ format: z.enum(['json', 'text'], { error: "must be 'json' or 'text'" }).default('json') });

/** Query of routes that take none. */
export const NoQuery = z.strictObject({});

/** Query of `GET /api/v1/cameras/:id/features`. */
export const FeaturesQuery = z.strictObject({
  encoder: one.regex(/^[a-z][a-z0-9-]{0,62}(?:@[0-9a-z]{1,64})?$/, 'must be the name of an encoder, or name@version').optional(),
  from: moment.optional(), to: moment.optional(), after: whole(0, Number.MAX_SAFE_INTEGER).optional(), limit: whole(1, 1000).default(10),
  values: z.enum(['numbers', 'base64'], { error: "must be 'numbers' or 'base64'" }).default('numbers'),
  format: z.enum(['json', 'ndjson'], { error: "must be 'json' or 'ndjson'" }).default('json'),
});

const accessToken = z.string().optional(); // looked at before the request comes here

/** Query of `GET /api/v1/cameras/:id/live`. */
export const LiveQuery = z.strictObject({ format: z.enum(['units', 'fmp4'], { error: "must be 'units' or 'fmp4'" }).default('units'), access_token: accessToken });

/** Query of `GET /api/v1/cameras/:id/live.mp4`, and of pages. */
export const FileQuery = z.strictObject({ access_token: accessToken });

/** Query of `GET /api/v1/cameras/:id/snapshot.jpg`. */
export const SnapshotQuery = z.strictObject({ width: whole(16, 4096).optional(), access_token: accessToken });

/** Path parameters of one camera. */
export const CameraPath = z.strictObject({ id: cameraId });

/** Path parameters of a publisher's session. */
export const WhipSessionPath = z.strictObject({ id: cameraId, session: z.string().regex(/^[0-9a-f-]{36}$/, 'must be the one of the Location header') });

const encoders = z.array(encoder).max(16);

/** Body of `POST /api/v1/cameras`. */
export const CameraBody = z.strictObject({
  id: cameraId,
  uri: z.string().min(1).max(2048),
  fallbacks: z.array(z.string().min(1).max(2048)).max(8).default([]),
  standby: z.enum(['cold', 'warm']).default('cold'),
  restoreAfterMs: z.int().min(0).max(86_400_000).optional(),
  replay: z.string().min(1).max(2048).optional(),
  tenant: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'must be 1 to 63 of a-z 0-9 - _, starting with a letter or digit').optional(),
  priority: z.number().min(0.01).max(100).optional(),
  maxFps: z.number().min(0).max(1000).nullable().default(null),
  detect: z.boolean().default(true),
  loop: z.boolean().default(false),
  encoders: encoders.default([]),
  fps: z.number().positive().max(1000).optional(),
  modality: z.enum(['auto', 'rgb', 'depth', 'thermal']).default('auto'),
  metresPerStep: z.number().positive().max(1000).optional(),
  kelvinPerStep: z.number().positive().max(1000).optional(),
  range: z.tuple([z.number(), z.number()]).refine(([black, white]) => white > black, 'must be [black, white] with black < white').optional(),
});

/** Body of `PUT /api/v1/models/active`. */
export const ModelBody = z.strictObject({ model: z.string().min(1).max(200) });

/**
 * The value, checked and compiled. The message names every wrong field, `field` the first; for an unknown key the known ones are listed.
 * @throws PlatformError REQUEST_INVALID
 */
export function parseRequest<Shape extends z.ZodType>(schema: Shape, value: unknown, part: 'query' | 'body' | 'path'): z.output<Shape> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  const issues = result.error.issues.slice(0, 5).map((issue) => {
    const isUnknownKey = issue.code === 'unrecognized_keys';
    const field = [...issue.path.map(String), ...(isUnknownKey ? [issue.keys[0] ?? ''] : [])].join('.').slice(0, 80);
    const text = isUnknownKey ? `is unknown (known: ${known.length === 0 ? 'none' : known.join(', ')})` : issue.message;
    return { field, text: `${part} ${field === '' ? 'as a whole' : `'${field}'`}: ${text}` };
  });
  throw new PlatformError('REQUEST_INVALID', issues.map((issue) => issue.text).join('; '), { field: issues[0]?.field ?? '' });
}
