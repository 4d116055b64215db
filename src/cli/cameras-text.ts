import { CAMERA_DEFAULTS } from '../messages/desired-camera.ts';
import type { CameraView } from '../serving-ops/service.ts';

/** Cameras for people, one a line: id, state, frames received a second, source; whose it is, where that is said of any. */
export function formatCameras(cameras: readonly CameraView[]): string {
  if (cameras.length === 0) return 'no cameras; vto cameras add ID=URI adds one';
  const hasTenants = cameras.some(({ tenant }) => tenant !== CAMERA_DEFAULTS.tenant);
  const rows = cameras.map(({ id, state, fps, label, tenant }) => [id, state, `${fps.toFixed(1)} fps`, ...hasTenants ? [tenant] : [], label]);
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)));
  return rows.map(row => row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  ')).join('\n');
}

/** A camera for people: how it is, and what was said of it. */
export function formatCamera({ id, state, epoch, fps, label, fallbacks, standby, restoreAfterMs, tenant, priority, maxFps, isDetecting, isLooping, pictures, encoders, counts, lastError }: CameraView): string {
  const rows: readonly (readonly [string, string])[] = [
    ['state', `${state}${epoch > 0 ? `, session ${epoch}, ${fps.toFixed(1)} fps` : ''}`],
    ...lastError === undefined ? [] : [['error', `${lastError.code}: ${lastError.message}`] as const],
    ['source', `${label}${isLooping ? ', again at its end' : ''}`],
    ...fallbacks.map((fallback, index) => [index === 0 ? 'fallbacks' : '', fallback] as const),
    ...fallbacks.length === 0 ? [] : [['standby', `${standby}; a better source is returned to after ${restoreAfterMs / 1000} s`] as const],
    ['detects', isDetecting ? limitText(maxFps) : 'no: recorded only'],
    ['share', `${priority} of tenant ${tenant}`],
    ...pictures === undefined ? [] : [['pictures', Object.entries(pictures).filter(([, value]) => value !== null).map(([key, value]) => `${key} ${String(value)}`).join(', ')] as const],
    ...encoders.length === 0 ? [] : [['encoders', encoders.map(({ name }) => name).join(', ')] as const],
    ['frames', `${counts.received} received, ${counts.detected} detected, ${Object.values(counts.dropped).reduce((sum, count) => sum + count, 0)} dropped, ${counts.gaps} gaps`],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return `${id}\n${rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`).join('\n')}`;
}

function limitText(maxFps: number | null): string {
  if (maxFps === null) return 'as the settings say';
  return maxFps === 0 ? 'on every frame' : `on up to ${maxFps} frames a second`;
}
