import type { DetectedRecord } from '../messages/terminal-record.ts';
import type { OutputFormat } from './arguments.ts';

/** One frame of results. */
export interface FrameResult {
  readonly record: DetectedRecord;
  /** Place of the frame in the input, from 0; frames left out count. */
  readonly index: number;
  /** Name of the picture file when the input is a picture or folder. */
  readonly fileName?: string;
}

/** Turns results into text as they come; `open` before the first, `close` after the last. */
export interface OutputWriter {
  open(): string;
  frame(result: FrameResult): string;
  close(): string;
}

/** What a writer needs to know beforehand. */
export interface OutputOptions {
  /** All picture names of a folder, to number images by name where all are numbers (as in COCO); undefined for videos. */
  readonly pictureNames?: readonly string[];
}

/** Makes the writer of a format. */
export function createOutputWriter(format: OutputFormat, options: OutputOptions = {}): OutputWriter {
  switch (format) {
    case 'ndjson': return ndjsonWriter();
    case 'coco': return cocoWriter(imageNumbering(options.pictureNames));
    case 'mot': return motWriter();
  }
}

/** One JSON object a frame: `{frame, file?, seconds, width, height, boxes: [{label, classId, score, x1, y1, x2, y2, trackId?}], model}`. */
function ndjsonWriter(): OutputWriter {
  return {
    open: () => '',
    frame: ({ record, index, fileName }) => `${JSON.stringify({
      frame: index, ...(fileName === undefined ? {} : { file: fileName }), seconds: record.ptsSeconds, width: record.width, height: record.height,
      boxes: record.boxes.map(({ label, classId, score, x1, y1, x2, y2, trackId }) => ({ label, classId, score: round(score, 5), x1: round(x1, 2), y1: round(y1, 2), x2: round(x2, 2), y2: round(y2, 2), ...(trackId === undefined ? {} : { trackId }) })),
      model: record.model, modelDigest: record.modelDigest, provider: record.provider,
    })}\n`,
    close: () => '',
  };
}

/**
 * COCO results array, as `COCO.loadRes` of the COCO API reads it: https://cocodataset.org/#format-results.
 * `category_id` is the class index of the model's output.
 */
function cocoWriter(imageId: (result: FrameResult) => number): OutputWriter {
  let isFirst = true;
  return {
    open: () => '[',
    frame: (result) => {
      const id = imageId(result);
      return result.record.boxes.map((box) => {
        const row = JSON.stringify({ image_id: id, category_id: box.classId, bbox: [round(box.x1, 2), round(box.y1, 2), round(box.x2 - box.x1, 2), round(box.y2 - box.y1, 2)], score: round(box.score, 5) });
        const separator = isFirst ? '\n' : ',\n';
        isFirst = false;
        return separator + row;
      }).join('');
    },
    close: () => '\n]\n',
  };
}

/**
 * MOTChallenge rows (Milan et al. 2016, MOT16, section 4.2): frames from 1, id -1 where an object is not followed. Corners are the
 * source pixels of our other formats, without the paper's shift by one, as common trackers read and write them.
 */
function motWriter(): OutputWriter {
  return {
    open: () => '',
    frame: ({ record, index }) => record.boxes.map((box) => (
      `${index + 1},${box.trackId ?? -1},${round(box.x1, 2)},${round(box.y1, 2)},${round(box.x2 - box.x1, 2)},${round(box.y2 - box.y1, 2)},${round(box.score, 5)},-1,-1,-1\n`
    )).join(''),
    close: () => '',
  };
}

/** The image id of a frame: the number in its file name when all names are different numbers, else its index. */
function imageNumbering(names: readonly string[] | undefined): (result: FrameResult) => number {
  const numbers = new Map((names ?? []).map((name) => [name, numberOf(name)]));
  const values = [...numbers.values()];
  const areNumbered = values.length > 0 && values.every((value) => value !== undefined) && new Set(values).size === values.length;
  return ({ index, fileName }) => (areNumbered && fileName !== undefined ? numbers.get(fileName) ?? index : index);
}

/** `000000397133.jpg` is 397133; undefined when the name is no number that a double holds. */
function numberOf(name: string): number | undefined {
  const match = /^(\d{1,15})\.[^.]+$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

function round(value: number, digits: number): number {
  const factor = 10 ** digits;
  return Math.round(value * factor) / factor;
}
