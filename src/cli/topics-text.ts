import type { TopicBalance } from '../data-ops/topic-audit.ts';
import type { TopicsReport } from '../data-ops/audit-topics.ts';

const COLUMNS = ['camera', 'epoch', 'frames', 'detected', 'dropped', 'pending', 'holes', 'removed', 'sent twice'] as const;
/** Texts of any length stand to the left, numbers to the right. */
const LEFT = new Set(['camera', 'dropped']);

/** What `vto verify --kafka` prints: an aligned table with one line per camera and epoch and a sum, what is wrong, and the verdict. */
export function formatTopics(report: TopicsReport): string {
  const rows = [[...COLUMNS], ...report.balances.map(rowOf), sumOf(report.balances)];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map(row => (row[column] ?? '').length)));
  const lines = rows.map(row => row.map((cell, column) => (LEFT.has(COLUMNS[column] ?? '') ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ').trimEnd());
  const more = report.problemCount - report.problems.length;
  return [
    'topics: frames + holes = detected + dropped + pending', ...lines,
    ...report.problems.map(({ kind, message }) => `PROBLEM ${kind}: ${message}`), ...(more > 0 ? [`… and ${more} more`] : []),
    ...report.notes.map(note => `note: ${note}`),
    `${report.records} records read, ${report.chunksProven} chunks are as they were recorded`, report.isSound ? (report.pending > 0 ? `sound, ${report.pending} frames are still being worked on` : 'sound') : 'NOT SOUND',
  ].join('\n');
}

function rowOf(balance: TopicBalance): string[] {
  const { camera, epoch, frames, detected, pending, holes, chunksRemoved, recordsRemoved, repeated } = balance;
  const dropped = Object.entries(balance.dropped).map(([reason, count]) => `${reason} ${count}`).join(', ');
  return [camera, ...[epoch, frames, detected].map(String), dropped === '' ? '0' : dropped, ...[pending, holes].map(String), removedText(chunksRemoved, recordsRemoved), String(repeated)];
}

function sumOf(balances: readonly TopicBalance[]): string[] {
  const total = (of: (balance: TopicBalance) => number): number => balances.reduce((sum, balance) => sum + of(balance), 0);
  const dropped = total(balance => Object.values(balance.dropped).reduce((sum, count) => sum + count, 0));
  return [
    'total', '', String(total(b => b.frames)), String(total(b => b.detected)), String(dropped), String(total(b => b.pending)), String(total(b => b.holes)),
    removedText(total(b => b.chunksRemoved), total(b => b.recordsRemoved)), String(total(b => b.repeated)),
  ];
}

/** Frames whose chunks, and frames whose records, retention has removed. */
function removedText(chunks: number, records: number): string {
  return chunks === 0 && records === 0 ? '0' : [...(chunks > 0 ? [`chunks ${chunks}`] : []), ...(records > 0 ? [`records ${records}`] : [])].join(', ');
}
