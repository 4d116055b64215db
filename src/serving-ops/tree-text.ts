import type { ActorReport } from '../engine/actor.ts';
import { scrub } from './scrub.ts';

function lineOf(report: ActorReport): string {
  const status = report.status === undefined ? '' : ` (${report.status})`;
  const restarts = report.restarts === 0 ? '' : ` restarts=${String(report.restarts)}`;
  const error = report.lastError === undefined ? '' : ` last: ${report.lastError.code} ${report.lastError.message}`;
  return scrub(`${report.name} ${report.state}${status} generation=${String(report.generation)}${restarts}${error}`).replaceAll(/\s+/g, ' ');
}

/** The supervision tree, one actor a line, children indented by two spaces. */
export function treeText(report: ActorReport, depth = 0): string {
  const children = report.children.map((child) => treeText(child, depth + 1));
  return [`${'  '.repeat(depth)}${lineOf(report)}`, ...children].join('\n');
}
