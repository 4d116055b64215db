import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.ts';

const SCRIPT = fileURLToPath(new URL('gst-rtsp-server.py', import.meta.url));
const PYTHON = '/usr/bin/python3';

/** True where gst-rtsp-server and its Python bindings are installed. */
export function hasGstServer(): boolean {
  return spawnSync(PYTHON, ['-c', "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"]).status === 0;
}

/** A port of loopback that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => { server.close(resolve); });
  return port;
}

/** True when GLib finds its TLS implementation besides (Debian: glib-networking). */
export function hasGstTls(): boolean {
  return hasGstServer() && spawnSync(PYTHON, ['-c', 'from gi.repository import Gio; raise SystemExit(not Gio.TlsBackend.get_default().supports_tls())']).status === 0;
}

/** Serves GStreamer pipelines as cameras, behind the login `admin:pa@ss/w`, within TLS when given a key and certificate; resolves when it listens. It is killed when the test ends. */
export async function startGstServer(port: number, paths: Readonly<Record<string, string>>, tlsPem?: string): Promise<ChildProcess> {
  const child = spawn(PYTHON, [SCRIPT, String(port), 'admin:pa@ss/w', ...tlsPem === undefined ? [] : ['--tls', tlsPem], ...Object.entries(paths).map(([name, launch]) => `${name}=${launch}`)], { stdio: ['ignore', 'pipe', 'inherit'] });
  process.on('exit', () => child.kill('SIGKILL'));
  let output = '';
  child.stdout?.on('data', (bytes: Buffer) => { output += bytes.toString(); });
  await eventually(() => output.includes('ready'), 'gst-rtsp-server listens', 15_000);
  return child;
}
