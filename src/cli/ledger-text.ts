import type { Balance } from '../data-ops/store.ts';

/** The balances of all cameras as an aligned table with one line per camera and epoch, and a sum. */
export function formatLedger(balances: readonly Balance[]): string {
  const rows = balances.map(balance => [
    balance.camera, String(balance.epoch), String(balance.received), String(balance.detected), droppedText(balance.dropped), String(balance.pending), String(balance.gaps),
  ]);
  const total = (of: (balance: Balance) => number): number => balances.reduce((sum, balance) => sum + of(balance), 0);
  const sum = ['total', '', String(total(b => b.received)), String(total(b => b.detected)), String(total(b => dropped(b))), String(total(b => b.pending)), String(total(b => b.gaps))];
  const heading = ['camera', 'epoch', 'received', 'detected', 'dropped', 'pending', 'gaps'];
  const all = [heading, ...rows, sum];
  const widths = heading.map((_, column) => Math.max(...all.map(row => (row[column] ?? '').length)));
  const lines = all.map(row => row.map((cell, column) => (column === 0 || column === 4 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ').trimEnd());
  const isBalanced = balances.every(b => b.received === b.detected + dropped(b) + b.pending);
  return ['ledger: received = detected + dropped + pending', ...lines, isBalanced ? 'balanced' : 'NOT BALANCED'].join('\n');
}

function dropped(balance: Balance): number {
  return Object.values(balance.dropped).reduce((sum, count) => sum + count, 0);
}

function droppedText(byReason: Balance['dropped']): string {
  const parts = Object.entries(byReason).map(([reason, count]) => `${reason} ${count}`);
  return parts.length === 0 ? '0' : parts.join(', ');
}
