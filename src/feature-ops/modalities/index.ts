import { depth } from './depth.ts';
import type { ModalityPlugin } from './modality.ts';
import { rgb } from './rgb.ts';
import { thermal } from './thermal.ts';

/** Every modality. */
export const MODALITIES: readonly ModalityPlugin[] = [rgb, depth, thermal];
