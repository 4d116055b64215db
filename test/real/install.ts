import { spawnSync } from 'node:child_process';
import { installOutside, OUTSIDE_PACKAGES, outsidePython } from '../support/outside-python.ts';

/** Programs the real tests talk to, and the Debian packages that bring them. */
const COUNTERPARTS = [
  { present: ['ffmpeg', '-version'], packages: ['ffmpeg'] },
  { present: ['chromium', '--version'], packages: ['chromium'] },
  { present: ['java', '-version'], packages: ['default-jre-headless'] },
  { present: ['mvn', '-version'], packages: ['maven'] },
  { present: ['kcat', '-V'], packages: ['kcat'] },
  { present: ['python3', '-c', 'import venv, ensurepip'], packages: ['python3-venv'] },
  { present: ['go', 'version'], packages: ['golang-go'] },
  {
    present: ['/usr/bin/python3', '-c', "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"],
    packages: ['python3-gi', 'gir1.2-gst-rtsp-server-1.0', 'gstreamer1.0-plugins-good', 'gstreamer1.0-plugins-bad', 'gstreamer1.0-plugins-ugly', 'gstreamer1.0-tools', 'glib-networking'],
  },
] as const;

/**
 * Installs what is missing: with apt-get when this is root on a CI machine, Python packages into an environment of their own. Elsewhere
 * nothing is changed: tests that miss a program say `SKIP:`.
 */
export async function installCounterparts(isCi: boolean): Promise<void> {
  const missing = COUNTERPARTS.filter(({ present: [program, ...args] }) => spawnSync(program, args, { stdio: 'ignore' }).status !== 0).flatMap(({ packages }) => packages);
  if (missing.length > 0 && isCi && process.getuid?.() === 0) installPackages(missing);
  else if (missing.length > 0) console.log(`missing for some real tests: apt-get install --no-install-recommends ${missing.join(' ')}`);
  const purposes = (['readers', 'onnx'] as const).filter((purpose) => outsidePython(purpose) === undefined);
  if (purposes.length === 0) return;
  if (isCi) installOutside(purposes);
  else console.log(`missing for some real tests: a Python in VTO_TEST_PYTHON with: pip install ${purposes.flatMap((purpose) => OUTSIDE_PACKAGES[purpose].packages).map((name) => `'${name}'`).join(' ')}`);
}

function installPackages(missing: readonly string[]): void {
  console.log(`installing ${missing.join(' ')}`);
  const options = { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const;
  for (const args of [['update', '-qq'], ['install', '-y', '-qq', '--no-install-recommends', ...missing]]) {
    const { status } = spawnSync('apt-get', args, options);
    if (status !== 0) console.log(`apt-get ${args[0]} ended with ${status}: tests that need ${missing.join(', ')} will say SKIP`);
  }
}
