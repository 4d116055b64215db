import { median, placementText, runProgram, type Bench } from './support/bench.ts';
import { benchClip, benchModel } from './support/clips.ts';
import type { ProcessingOrder, ProcessingResult } from './support/processing-loop.ts';

/** The graph that is written around YOLOX-nano against the same work in JavaScript. */
export const inGraphProcessing: Bench = {
  name: 'in-graph-processing',
  question: 'What does it bring that pictures are prepared and boxes decoded in the graph, not in JavaScript?',
  async run({ isQuick, say }) {
    const real = benchModel();
    if (real === undefined) { say('SKIP: the shared models are not there'); return undefined; }
    const clip = await benchClip('short');
    const order: ProcessingOrder = { file: clip.path, model: real.model, frames: isQuick ? 10 : 48, rounds: isQuick ? 1 : 3 };
    const results: ProcessingResult[] = [];
    for (let run = 0; run < (isQuick ? 1 : 5); run += 1) {
      const result = await runProgram<ProcessingResult>('processing-loop', order);
      results.push(result);
      say(`in the graph ${result.inGraph.toFixed(2)} ms a frame, in JavaScript ${result.javascript.toFixed(2)}, the network alone ${result.network.toFixed(2)}; ${result.boxes.toFixed(1)} boxes a frame`);
    }
    const row = (what: string, unit: string, of: (result: ProcessingResult) => number): { what: string; figure: number; unit: string; runs: number[] } => {
      const runs = results.map(of);
      return { what, figure: median(runs), unit, runs };
    };
    return {
      rows: [
        { ...row(`${real.text}: a frame with all in the graph ÷ a frame with JavaScript around the network`, 'ratio', ({ inGraph, javascript }) => inGraph / javascript), target: { is: '≤', value: 1 } },
        row('pre- and post-processing in the graph', 'ms', ({ inGraph, network }) => inGraph - network),
        row('pre- and post-processing in JavaScript', 'ms', ({ javascript, network }) => javascript - network),
        row('the network alone', 'ms', ({ network }) => network),
      ],
      conditions: [
        placementText(), `${order.frames} frames of ${clip.text}, already decoded and scaled, ${order.rounds} times; medians of processor time over frames; ${median(results.map(({ boxes }) => boxes)).toFixed(1)} boxes a frame`,
        'each frame goes through both sides and then the network alone, the side that is first in turns; boxes of both must be equal; one ORT thread, the same session options',
        'JavaScript side: typed arrays made once, one pass over the picture, cells left out by objectness first, suppression over what is left; the network gets floats and gives its raw rows',
      ],
    };
  },
};
