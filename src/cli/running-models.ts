import { ERRORS, PlatformError, type ErrorCode } from '../engine/errors.ts';
import { systemClock } from '../engine/system-clock.ts';
import { loadConfig } from '../utility-ops/config/load-config.ts';
import type { ActiveModelView, ModelView } from '../serving-ops/service.ts';

const ANSWER_MS = 10_000;
const LOOK_EVERY_MS = 250;
/** Loading may compile the model for its device. */
const CHANGE_MS = 300_000;

/** Shows the models of a running platform. Returns the exit code. @throws PlatformError what the API answers; CONFIG_INVALID when nothing answers there */
export async function listModels(url: string, isJson: boolean): Promise<number> {
  const { models } = await ask<{ readonly models: readonly ModelView[] }>(url, '/api/v1/models');
  if (isJson) {
    write(JSON.stringify({ models }, null, 2));
    return 0;
  }
  const width = Math.max(...models.map(({ model }) => model.length));
  for (const { model, family, source, isActive } of models) write(`${isActive ? '*' : ' '} ${model.padEnd(width)}  ${family === 'auto' ? '' : `${family}, `}${source}`);
  return 0;
}

/** Changes the model of a running platform and waits for what becomes of it. Returns the exit code: 1 when the change was refused. @throws as `listModels` */
export async function useModel({ url, model }: { readonly url: string; readonly model: string }, isJson: boolean): Promise<number> {
  let view = await ask<ActiveModelView>(url, '/api/v1/models/active', { model });
  const { wanted } = view;
  const untilMs = systemClock.monotonicMs() + CHANGE_MS;
  while (view.state === 'changing' && systemClock.monotonicMs() < untilMs) {
    await systemClock.sleep(LOOK_EVERY_MS);
    view = await ask<ActiveModelView>(url, '/api/v1/models/active');
  }
  if (isJson) write(JSON.stringify(view, null, 2));
  const isRefused = view.lastError !== undefined && view.active !== wanted;
  if (isRefused && view.lastError) throw new PlatformError(codeOf(view.lastError.code), `${view.lastError.model}: ${view.lastError.message}; ${view.active} goes on`);
  if (!isJson) write(view.processes.length === 0 ? `${wanted} is asked for: the nodes that detect change to it, and tell so among the events` : `${view.active} detects`);
  return view.active === wanted ? 0 : 1;
}

async function ask<Answer>(url: string, path: string, body?: object): Promise<Answer> {
  const headers = { ...bearer(), ...(body !== undefined && { 'content-type': 'application/json' }) };
  const response = await fetch(new URL(path, url), { headers, signal: AbortSignal.timeout(ANSWER_MS), ...(body !== undefined && { method: 'PUT', body: JSON.stringify(body) }) })
    .catch((error: unknown) => { throw new PlatformError('CONFIG_INVALID', `no vto answers at ${url}; name its API with --url`, { field: 'url' }, error); });
  const answer = await response.json().catch(() => ({})) as Answer & { readonly code?: string; readonly detail?: string }; // written by the API of this program; another one has neither
  if (response.ok) return answer;
  throw new PlatformError(codeOf(answer.code), answer.detail ?? `${url} answers with status ${response.status}`);
}

/** A platform with tokens is asked with one of the environment: the same variable that gives them to the platform. */
function bearer(): { readonly authorization?: string } {
  const [token] = loadConfig({ environment: process.env, cwd: process.cwd() }).serving.tokens;
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

function codeOf(code: string | undefined): ErrorCode {
  return code !== undefined && Object.hasOwn(ERRORS, code) ? code as ErrorCode : 'REQUEST_INVALID'; // a key of the table
}

function write(line: string): void { process.stdout.write(`${line}\n`); }
