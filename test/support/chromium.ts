import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

const PROGRAM = '/usr/bin/chromium';

/** Debian's Chromium, headless; undefined where it is not installed. `args` besides those that a test machine needs. */
export async function startChromium(args: readonly string[] = []): Promise<Browser | undefined> {
  if (!existsSync(PROGRAM)) return undefined;
  return chromium.launch({ executablePath: PROGRAM, args: ['--no-sandbox', '--disable-dev-shm-usage', ...args] });
}

/** A camera and a microphone that need no permission and no device, and addresses that are not hidden. */
export const FAKE_CAMERA = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', '--disable-features=WebRtcHideLocalIpsWithMdns'];
