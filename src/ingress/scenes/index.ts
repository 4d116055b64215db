import { seededRandom } from '../../engine/seeded-random.ts';
import type { Scene, ScenePlan } from '../scene.ts';
import { street } from './street.ts';
import { yard } from './yard.ts';

/** Every built-in scene by its name. */
export const SCENES: ReadonlyMap<string, ScenePlan> = new Map([street, yard].map((plan) => [plan.name, plan]));

/** Makes a scene; the same name, size and seed always give the same scene. Undefined when there is none of that name. */
export function makeScene(name: string, size: { readonly width: number; readonly height: number; readonly seed: number }): Scene | undefined {
  return SCENES.get(name)?.make({ width: size.width, height: size.height, random: seededRandom(size.seed) });
}
