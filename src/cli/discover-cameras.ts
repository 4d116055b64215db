import { systemClock } from '../engine/system-clock.ts';
import { discoverOnvif } from '../ingress/onvif/discover.ts';
import { formatDevices } from './discovered-text.ts';

/** What `vto cameras discover` is asked. */
export interface DiscoverAction { readonly type: 'discover'; readonly seconds: number; readonly networkInterface?: string }

/** Looks for ONVIF cameras on the networks of this machine; no vto has to run. Returns the exit code. @throws PlatformError DISCOVERY_FAILED, REQUEST_INVALID */
export async function discoverCameras({ seconds, networkInterface }: DiscoverAction, isJson: boolean): Promise<number> {
  const { devices, unreadable } = await discoverOnvif({ forMs: seconds * 1_000, clock: systemClock, ...networkInterface !== undefined && { networkInterface } }, new AbortController().signal);
  process.stdout.write(`${isJson ? JSON.stringify({ devices, unreadable }, null, 2) : formatDevices(devices, unreadable)}\n`);
  return 0;
}
