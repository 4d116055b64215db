/** The 80 COCO classes in the usual order of detectors, in COCO's own spelling (cocodataset.org, 2017). */
export const COCO_LABELS: readonly string[] = [
  'person', 'bicycle', 'car', 'motorcycle', 'airplane', 'bus', 'train', 'truck', 'boat', 'traffic light',
  'fire hydrant', 'stop sign', 'parking meter', 'bench', 'bird', 'cat', 'dog', 'horse', 'sheep', 'cow',
  'elephant', 'bear', 'zebra', 'giraffe', 'backpack', 'umbrella', 'handbag', 'tie', 'suitcase', 'frisbee',
  'skis', 'snowboard', 'sports ball', 'kite', 'baseball bat', 'baseball glove', 'skateboard', 'surfboard', 'tennis racket', 'bottle',
  'wine glass', 'cup', 'fork', 'knife', 'spoon', 'bowl', 'banana', 'apple', 'sandwich', 'orange',
  'broccoli', 'carrot', 'hot dog', 'pizza', 'donut', 'cake', 'chair', 'couch', 'potted plant', 'bed',
  'dining table', 'toilet', 'tv', 'laptop', 'mouse', 'remote', 'keyboard', 'cell phone', 'microwave', 'oven',
  'toaster', 'sink', 'refrigerator', 'book', 'clock', 'vase', 'scissors', 'teddy bear', 'hair drier', 'toothbrush',
];

/** Numbers of COCO's 90 categories that no class has (cocodataset.org: removed before the first release). */
const COCO_UNUSED: ReadonlySet<number> = new Set([12, 26, 29, 30, 45, 66, 68, 69, 71, 83]);

/** COCO's categories by their own numbers, 1 to 90, from index 0 on: what detectors are trained with that have 90 or 91 classes. Unused numbers are `unused-N`. */
export const COCO_90_LABELS: readonly string[] = spread();

function spread(): readonly string[] {
  const names = COCO_LABELS.values();
  return Array.from({ length: 90 }, (_, index) => (COCO_UNUSED.has(index + 1) ? `unused-${index + 1}` : names.next().value ?? `unused-${index + 1}`));
}

/**
 * Class names that a file carries in `metadata_props`: `names` as Ultralytics writes it (`{0: 'person', 1: 'car'}`) or `labels`, comma-separated.
 * Empty when it carries none.
 */
export function labelsInFile(metadata: ReadonlyMap<string, string>): readonly string[] {
  const labels: string[] = [];
  for (const [, index, single, double] of (metadata.get('names') ?? '').matchAll(/["']?(\d+)["']?\s*:\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")/g)) {
    if (Number(index) === labels.length) labels.push((single ?? double ?? '').replace(/\\(.)/g, '$1'));
  }
  if (labels.length > 0) return labels;
  return metadata.get('labels')?.split(',').map((label) => label.trim()).filter((label) => label !== '') ?? [];
}

/** Names of a detector's classes: those in the file, else COCO's for 80 classes, else none. */
export function labelsFor(metadata: ReadonlyMap<string, string>, classes: number | undefined): readonly string[] {
  const own = labelsInFile(metadata);
  return own.length > 0 ? own : classes === COCO_LABELS.length ? COCO_LABELS : [];
}

/** The name of a class: the list's, or `class-N` beyond its end. */
export function labelOf(labels: readonly string[], classId: number): string {
  return labels[classId] ?? `class-${classId}`;
}
