import type { FrameShape } from '../../messages/model-frame.ts';
import type { ModelIo } from '../graph/model-file.ts';
import { COCO_LABELS, labelsInFile } from '../labels.ts';
import type { NetworkInput } from './family.ts';
import type { DeclaredPicture } from './network-input.ts';

/** RGB in the middle of padding of 114, samples divided by 255: how YOLOv5 and its many successors take pictures. */
export function letterboxedRgb(picture: DeclaredPicture): { readonly shape: FrameShape; readonly input: NetworkInput; readonly isBatchable: boolean } {
  return {
    shape: { width: picture.width, height: picture.height, fit: 'letterbox', align: 'center', padValue: 114, channels: 'rgb' },
    input: { ...picture, deviation: [255, 255, 255] }, isBatchable: picture.isBatchable,
  };
}

/** Why the notes that Ultralytics' exporter leaves in a file speak against a detector of so many classes; undefined when they do not. */
export function contradiction({ metadata }: ModelIo, classes: number): string | undefined {
  const task = metadata.get('task');
  if (task !== undefined && task !== 'detect') return `its metadata says that its task is '${task}'`;
  const names = labelsInFile(metadata).length;
  return names > 0 && names !== classes ? `its metadata names ${names} classes, its output has columns for ${classes}` : undefined;
}

/** Landmarks and masks follow the scores in columns of their own: only names, or a number that stands for COCO, say that all of them are classes. */
export function columnDoubt({ metadata }: ModelIo, classes: number): string | undefined {
  if (labelsInFile(metadata).length > 0 || classes === COCO_LABELS.length) return undefined;
  return `its ${classes} columns behind the box may be classes, or one class and landmarks: the file names none`;
}
