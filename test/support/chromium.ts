import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

/** Where Debian's package `chromium` puts the program. */
const PROGRAM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** Headless Chromium with software rendering; undefined, said as SKIP, where it is not installed. The caller closes it. */
export async function launchChromium(what: string, args: readonly string[] = []): Promise<Browser | undefined> {
  if (!existsSync(PROGRAM)) {
    console.log(`SKIP: ${what}: there is no Chromium (apt-get install chromium)`);
    return undefined;
  }
  return chromium.launch({ executablePath: PROGRAM, args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required', ...args] });
}

/** A camera and a microphone that need no permission and no device, and addresses that are not hidden. */
export const FAKE_CAMERA = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', '--disable-features=WebRtcHideLocalIpsWithMdns'];
