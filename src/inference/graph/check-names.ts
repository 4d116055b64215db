import { PlatformError } from '../../engine/errors.ts';
import { bodiesOf, weightNames } from './bodies.ts';
import type { GraphProto, ModelProto, NodeProto } from './generated/onnx_pb.js';

/** Whether a name is given somewhere around. */
type Scope = (name: string) => boolean;

/** A graph or the body of a function, as far as names go. */
interface Part {
  readonly what: string;
  readonly nodes: readonly NodeProto[];
  /** Given from outside: inputs, and weights. */
  readonly given: Iterable<string>;
  readonly outputs: readonly string[];
}

/**
 * Checks that every name has one giver, that every value somebody takes is given, and that no node waits for itself.
 * A body may name a value again that a graph around it has: onnxruntime allows that.
 * @throws PlatformError MODEL_INVALID
 */
export function checkNames(model: ModelProto): void {
  if (model.graph) checkPart(partOf(model.graph, 'the graph'), () => false);
  for (const { name, node, input, output } of model.functions) checkPart({ what: `function '${name}'`, nodes: node, given: input, outputs: output }, () => false);
}

function partOf(graph: GraphProto, what: string): Part {
  const weights = new Set<string>();
  for (const name of weightNames(graph)) {
    if (weights.has(name)) throw invalid(`weight '${name}' is in ${what} twice: export the model again`);
    weights.add(name);
  }
  const inputs = new Set<string>();
  for (const { name } of graph.input) {
    if (name === '' || inputs.has(name)) throw invalid(`${what} has ${name === '' ? 'an input without a name' : `two inputs '${name}'`}: export the model again`);
    inputs.add(name);
  }
  return { what, nodes: graph.node, given: [...weights, ...inputs], outputs: graph.output.map(({ name }) => name) };
}

function checkPart({ what, nodes, given, outputs }: Part, outer: Scope): void {
  const names = new Set(given);
  const makers = new Map<string, number>();
  for (const [index, node] of nodes.entries()) {
    for (const output of node.output) {
      if (output === '') continue; // an optional one that is not wanted
      if (names.has(output)) throw invalid(`value '${output}' of ${what} is given twice, the second time by node '${node.name}': export the model again`);
      names.add(output);
      makers.set(output, index);
    }
  }
  const isVisible: Scope = (name) => names.has(name) || outer(name);
  const waits = nodes.map((node) => {
    const before = new Set<number>();
    for (const input of node.input) {
      if (input === '') continue; // an optional one that is not given
      if (!isVisible(input)) throw invalid(`node '${node.name}' (${node.opType}) takes '${input}', which nothing in ${what} gives: the model is incomplete, export it again`, { input });
      const maker = makers.get(input);
      if (maker !== undefined) before.add(maker);
    }
    for (const body of bodiesOf(node)) {
      for (const name of freeNames(body)) {
        const maker = makers.get(name);
        if (maker !== undefined) before.add(maker);
      }
    }
    return before;
  });
  for (const output of outputs) if (!isVisible(output)) throw invalid(`output '${output}' of ${what} is given by nothing: the model is incomplete, export it again`, { output });
  checkOrder(nodes, waits, what);
  for (const node of nodes) for (const body of bodiesOf(node)) checkPart(partOf(body, `a body of node '${node.name}'`), isVisible);
}

/** Names that a body takes from around it. */
function freeNames(body: GraphProto): Set<string> {
  const free = new Set<string>();
  const own = new Set<string>([...weightNames(body), ...body.input.map(({ name }) => name)]);
  for (const node of body.node) for (const output of node.output) own.add(output);
  for (const node of body.node) {
    for (const input of node.input) if (input !== '' && !own.has(input)) free.add(input);
    for (const inner of bodiesOf(node)) for (const name of freeNames(inner)) if (!own.has(name)) free.add(name);
  }
  for (const { name } of body.output) if (!own.has(name)) free.add(name);
  return free;
}

/** Takes nodes away that wait for nobody, until none is left (Kahn 1962). */
function checkOrder(nodes: readonly NodeProto[], waits: readonly ReadonlySet<number>[], what: string): void {
  const left = waits.map((before) => before.size);
  const after: number[][] = nodes.map(() => []);
  for (const [index, before] of waits.entries()) for (const maker of before) after[maker]?.push(index);
  const free = left.flatMap((count, index) => (count === 0 ? [index] : []));
  for (const index of free) {
    for (const next of after[index] ?? []) {
      left[next] = (left[next] ?? 0) - 1;
      if (left[next] === 0) free.push(next);
    }
  }
  if (free.length === nodes.length) return;
  const stuck = nodes.find((_, index) => (left[index] ?? 0) > 0);
  throw invalid(`${nodes.length - free.length} nodes of ${what} wait for each other, '${stuck?.name ?? ''}' (${stuck?.opType ?? ''}) among them: the graph has a cycle, export the model again`);
}

function invalid(message: string, facts: Record<string, string> = {}): PlatformError {
  return new PlatformError('MODEL_INVALID', message, facts);
}
