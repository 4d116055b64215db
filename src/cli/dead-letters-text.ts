import type { LetterEntry, LetterList } from '../data-ops/dead-letters.ts';
import { epochMicros } from '../engine/units.ts';
import { isoTime } from '../serving-ops/iso-time.ts';

/** One JSON object a line: where the letter lies, where it came from, why, and how large its value is. */
export function lettersNdjson(entries: readonly LetterEntry[]): string {
  return entries.map(({ partition, offset, letter: { at, ...letter }, payloadBytes, isRetried }) => (
    `${JSON.stringify({ partition, offset, at: isoTime(epochMicros(at)), isRetried, source: { topic: letter.topic, partition: letter.partition, offset: letter.offset, key: letter.key }, group: letter.group, tries: letter.tries, errorCode: letter.errorCode, errorMessage: letter.errorMessage, headers: letter.headers, payloadBytes })}\n`
  )).join('');
}

/** An aligned table for people. */
export function formatLetters({ entries, total, unreadable }: LetterList): string {
  const rows = entries.map(({ partition, offset, letter, isRetried }) => [
    String(partition), String(offset), isoTime(epochMicros(letter.at)).slice(0, 19), `${letter.topic} ${letter.partition}/${letter.offset}`, letter.key ?? '', String(letter.tries), isRetried ? 'yes' : 'no',
    `${letter.errorCode}: ${letter.errorMessage}`,
  ]);
  const all = [['partition', 'offset', 'given up (UTC)', 'source', 'key', 'tries', 'retried', 'why'], ...rows];
  const widths = all[0]?.map((_, column) => Math.max(...all.map(row => (row[column] ?? '').length))) ?? [];
  const lines = all.map(row => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd());
  return [
    ...(total === 0 ? [] : lines), `${total} dead letter${total === 1 ? '' : 's'}${entries.length < total ? `, the newest ${entries.length} are shown` : ''}`,
    ...(unreadable === 0 ? [] : [`${unreadable} records of the topic are no dead letters`]),
  ].join('\n');
}
