import type { GraphProto, NodeProto } from './generated/onnx_pb.js';

/** The graphs that a node holds: branches of `If`, bodies of `Loop` and `Scan`. */
export function* bodiesOf(node: NodeProto): Generator<GraphProto> {
  for (const attribute of node.attribute) {
    if (attribute.g) yield attribute.g;
    yield* attribute.graphs;
  }
}

/** These nodes and those of the bodies within them. */
export function* allNodes(nodes: readonly NodeProto[]): Generator<NodeProto> {
  for (const node of nodes) {
    yield node;
    for (const body of bodiesOf(node)) yield* allNodes(body.node);
  }
}

/** Names of the weights of a graph, dense and sparse. */
export function* weightNames(graph: GraphProto): Generator<string> {
  for (const { name } of graph.initializer) yield name;
  for (const { values } of graph.sparseInitializer) yield values?.name ?? '';
}
