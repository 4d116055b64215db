import { FilterGraph, Frame } from 'node-av';

/** One rendered picture, RGB, row-major. */
export interface RenderedPicture { readonly width: number; readonly height: number; readonly pixels: Uint8Array; colourAt(x: number, y: number): readonly [number, number, number] }

/** Draws the given pictures (by number, growing) of a filter graph without encoding them. */
export function renderGraph(text: string, numbers: readonly number[]): RenderedPicture[] {
  const graph = new FilterGraph();
  graph.alloc();
  const parsed = graph.parsePtr(`${text},format=rgb24,buffersink@out`);
  if (parsed < 0 || graph.configSync() < 0) throw new Error('the filter graph is not valid');
  const sink = graph.getFilter('buffersink@out')!;
  const frame = new Frame();
  frame.alloc();
  const pictures: RenderedPicture[] = [];
  for (let number = 0; pictures.length < numbers.length; number++) {
    if (sink.buffersinkGetFrameSync(frame) < 0) throw new Error(`the filter graph ended at picture ${number}`);
    if (numbers.includes(number)) {
      const { width, height } = frame;
      const pixels = Uint8Array.from(frame.toBuffer());
      pictures.push({ width, height, pixels, colourAt: (x, y) => { const at = (y * width + x) * 3; return [pixels[at]!, pixels[at + 1]!, pixels[at + 2]!]; } });
    }
    frame.unref();
  }
  frame.free();
  graph.free();
  return pictures;
}
