import type { DiscoveredDevice } from '../ingress/onvif/probe-messages.ts';

/** Devices that answered, for people, one a line: what to add them with, and what they call themselves. */
export function formatDevices(devices: readonly DiscoveredDevice[], unreadable: number): string {
  const rows = [['URI', 'NAME', 'HARDWARE', 'LOCATION'], ...devices.map(({ uri, name, hardware, location }) => [uri, name, hardware, location].map(cell => (cell === '' ? '-' : cell)))];
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)));
  const table = rows.map(row => row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  '));
  const strange = unreadable === 0 ? [] : [`${unreadable} answers could not be read`];
  if (devices.length === 0) return ['no ONVIF camera answered: multicast does not pass routers and container bridges; vto cameras add onvif://user:password@HOST needs none', ...strange].join('\n');
  return [...table, ...strange].join('\n');
}
