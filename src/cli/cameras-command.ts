import type { CameraView } from '../serving-ops/service.ts';
import type { Invocation } from './arguments.ts';
import { askCamera, formatFindings } from './ask-camera.ts';
import { askPlatform, type PlatformAddress } from './ask-platform.ts';
import { discoverCameras } from './discover-cameras.ts';
import { formatCamera, formatCameras } from './cameras-text.ts';

type CamerasInvocation = Extract<Invocation, { command: 'cameras' }>;

const CAMERAS = '/api/v1/cameras';

/** `vto cameras`: the cameras of a running platform. Returns the exit code. @throws PlatformError what the API answers; CONFIG_INVALID when nothing answers there */
export async function camerasCommand({ action, at, isJson }: CamerasInvocation): Promise<number> {
  const show = (camera: CameraView): void => write(isJson ? JSON.stringify(camera, null, 2) : formatCamera(camera));
  switch (action.type) {
    case 'list': {
      const { cameras } = await askPlatform<{ readonly cameras: readonly CameraView[] }>(at, { path: CAMERAS });
      write(isJson ? JSON.stringify({ cameras }, null, 2) : formatCameras(cameras));
      return 0;
    }
    case 'show': show(await askPlatform<CameraView>(at, { path: pathOf(action.id) })); return 0;
    case 'discover': return discoverCameras(action, isJson);
    case 'add': return add(at, action.body, isJson);
    case 'change': show(await askPlatform<CameraView>(at, { method: 'PATCH', path: pathOf(action.id), body: action.patch })); return 0;
    case 'remove':
      await askPlatform(at, { method: 'DELETE', path: pathOf(action.id) });
      if (!isJson) write(`${action.id} is removed; its recordings stay`);
      return 0;
  }
}

/** Adds a camera to a running platform. @throws as `camerasCommand` */
export function addCamera(at: PlatformAddress, body: object): Promise<CameraView> {
  return askPlatform<CameraView>(at, { method: 'POST', path: CAMERAS, body });
}

/** An ONVIF camera is asked first: a wrong password is told here and now, not by a camera that never comes. */
async function add(at: PlatformAddress, body: Readonly<Record<string, unknown>>, isJson: boolean): Promise<number> {
  const uri = String(body['uri']);
  const isOnvif = /^onvif:/i.test(uri);
  const findings = isOnvif ? await askCamera(uri) : undefined;
  const camera = await addCamera(at, body);
  if (isJson) {
    write(JSON.stringify({ ...camera, ...findings && { onvif: findings } }, null, 2));
    return 0;
  }
  if (findings) write(formatFindings(findings));
  else if (isOnvif) write('it cannot be reached from here; it is tried from where vto runs');
  write(formatCamera(camera));
  return 0;
}

function pathOf(id: string): string { return `${CAMERAS}/${id}`; }

function write(text: string): void { process.stdout.write(`${text}\n`); }
