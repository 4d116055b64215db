import { openGeneratedReader, openReader } from '../media/index.ts';
import { changedParameters } from '../media/parameter-change.ts';
import type { MediaAccess } from './media-access.ts';

/** The real thing: sources read through libav, in this process. */
export const libavAccess: MediaAccess = { openReader, openGeneratedReader, changedParameters };
