// Detections by frame, and how they are drawn.

const KEPT = 512;
const COLOURS = ['#4cc9f0', '#f9c74f', '#90be6d', '#f94144', '#b388ff', '#ff8fab', '#43aa8b', '#f3722c'];

/** Records of frames by frame id (epoch and frameSeq), the newest few hundred. */
export class BoxShelf {
  #records = new Map();
  #dropped = [];

  /** Takes a message of type `detections` or `dropped`. */
  put(message) {
    if (message.type === 'dropped') {
      this.#dropped.push(message);
      if (this.#dropped.length > KEPT) this.#dropped.shift();
      return;
    }
    this.#records.set(`${message.epoch}/${message.frameSeq}`, message);
    if (this.#records.size > KEPT) this.#records.delete(this.#records.keys().next().value);
  }

  /** The record of a frame; null when it ended without one, undefined while that is not known. */
  get({ epoch, frameSeq }) {
    const record = this.#records.get(`${epoch}/${frameSeq}`);
    if (record !== undefined) return record;
    return this.#dropped.some(run => run.epoch === epoch && run.from <= frameSeq && frameSeq <= run.to) ? null : undefined;
  }

  clear() {
    this.#records.clear();
    this.#dropped = [];
  }
}

function colourOf({ trackId, classId }) {
  return COLOURS[(trackId ?? classId) % COLOURS.length];
}

/** Draws the boxes of a record over a canvas that shows its frame; the canvas is of any size. */
export function drawBoxes(context, record, { clears }) {
  const { width, height } = context.canvas;
  if (clears) context.clearRect(0, 0, width, height);
  if (!record) return;
  const [scaleX, scaleY] = [width / record.width, height / record.height];
  const unit = Math.max(1, width / 1_100);
  context.lineWidth = 2 * unit;
  context.font = `${13 * unit}px system-ui, sans-serif`;
  context.textBaseline = 'top';
  const placed = record.boxes.map(each => {
    const [x1, y1, x2, y2] = each.box;
    return { each, left: x1 * scaleX, top: y1 * scaleY, width: (x2 - x1) * scaleX, height: (y2 - y1) * scaleY };
  });
  for (const { each, left, top, ...size } of placed) {
    context.strokeStyle = colourOf(each);
    context.strokeRect(left, top, size.width, size.height);
  }
  for (const { each, left, top } of placed) {
    const text = `${each.label}${each.trackId === undefined ? '' : ` #${each.trackId}`} ${Math.round(each.score * 100)}`;
    const textHeight = 18 * unit;
    const textTop = top >= textHeight ? top - textHeight : top;
    context.fillStyle = colourOf(each);
    context.fillRect(left - unit, textTop, context.measureText(text).width + 8 * unit, textHeight);
    context.fillStyle = '#101418';
    context.fillText(text, left + 3 * unit, textTop + 3 * unit);
  }
}
