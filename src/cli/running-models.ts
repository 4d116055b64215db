import { PlatformError } from '../engine/errors.ts';
import { systemClock } from '../engine/system-clock.ts';
import type { ActiveModelView, ModelView } from '../serving-ops/service.ts';
import { askPlatform, codeOf, type PlatformAddress } from './ask-platform.ts';

const ACTIVE = '/api/v1/models/active';
const LOOK_EVERY_MS = 250;
/** Loading may compile the model for its device. */
const CHANGE_MS = 300_000;

/** Shows the models of a running platform. Returns the exit code. @throws PlatformError what the API answers; CONFIG_INVALID when nothing answers there */
export async function listModels(at: PlatformAddress, isJson: boolean): Promise<number> {
  const { models } = await askPlatform<{ readonly models: readonly ModelView[] }>(at, { path: '/api/v1/models' });
  if (isJson) {
    write(JSON.stringify({ models }, null, 2));
    return 0;
  }
  const width = Math.max(...models.map(({ model }) => model.length));
  for (const { model, family, source, isActive } of models) write(`${isActive ? '*' : ' '} ${model.padEnd(width)}  ${family === 'auto' ? '' : `${family}, `}${source}`);
  return 0;
}

/** Changes the model of a running platform and waits for what becomes of it. Returns the exit code: 1 when the change was refused. @throws as `listModels` */
export async function useModel({ at, model }: { readonly at: PlatformAddress; readonly model: string }, isJson: boolean): Promise<number> {
  let view = await askPlatform<ActiveModelView>(at, { method: 'PUT', path: ACTIVE, body: { model } });
  const { wanted } = view;
  const untilMs = systemClock.monotonicMs() + CHANGE_MS;
  while (view.state === 'changing' && systemClock.monotonicMs() < untilMs) {
    await systemClock.sleep(LOOK_EVERY_MS);
    view = await askPlatform<ActiveModelView>(at, { path: ACTIVE });
  }
  if (isJson) write(JSON.stringify(view, null, 2));
  const isRefused = view.lastError !== undefined && view.active !== wanted;
  if (isRefused && view.lastError) throw new PlatformError(codeOf(view.lastError.code), `${view.lastError.model}: ${view.lastError.message}; ${view.active} goes on`);
  if (!isJson) write(view.processes.length === 0 ? `${wanted} is asked for: the nodes that detect change to it, and tell so among the events` : `${view.active} detects`);
  return view.active === wanted ? 0 : 1;
}

function write(line: string): void { process.stdout.write(`${line}\n`); }
