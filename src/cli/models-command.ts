import { inspectModel } from '../inference/inspect.ts';
import type { Invocation } from './arguments.ts';
import { listModels, useModel } from './running-models.ts';
import { formatInspection } from './models-text.ts';

type ModelsInvocation = Extract<Invocation, { command: 'models' }>;

/** `vto models`: what is known of model files, and those of a running platform. */
export async function modelsCommand({ action, isJson }: ModelsInvocation): Promise<number> {
  switch (action.type) {
    case 'inspect': return inspect(action, isJson);
    case 'list': return listModels(action.at, isJson);
    case 'use': return useModel(action, isJson);
  }
}

/** Exit code 1 when the file could not be loaded as asked. */
async function inspect({ file, family, size }: Extract<ModelsInvocation['action'], { type: 'inspect' }>, isJson: boolean): Promise<number> {
  const found = await inspectModel(file, { family, size });
  process.stdout.write(isJson ? `${JSON.stringify(found, (_, value: unknown) => value ?? null, 2)}\n` : formatInspection(found, family));
  return found.picture === undefined ? 1 : 0;
}
