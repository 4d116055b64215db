import { changedParameters } from '../media/parameter-change.ts';
import { openReader } from '../media/reader.ts';
import type { MediaAccess } from './media-access.ts';

/** The real thing: sources read through libav. */
export const libavAccess: Omit<MediaAccess, 'openGeneratedReader'> = { openReader, changedParameters };
