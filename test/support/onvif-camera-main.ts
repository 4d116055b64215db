// A simulated ONVIF camera to try things on: node src/cli/runtime.mjs test/support/onvif-camera-main.ts. It answers discovery, has a login (admin,
// secret), two streams and PTZ, its clock is an hour off, and it tells of motion every ten seconds, though its sub-stream never changes. Ctrl-C ends it.
import { makeClip } from './clip.ts';
import { startOnvifCamera } from './onvif-camera.ts';
import { startRtspServer } from './rtsp-server.ts';

const login = { user: 'admin', password: 'secret' };
const server = await startRtspServer();
server.addPath('main', { content: await makeClip({ width: 1280, height: 720, frames: 100, gop: 50 }), credentials: login });
server.addPath('sub', { content: await makeClip({ width: 640, height: 360, frames: 100, gop: 50, graph: 'smptebars=s=$size:r=$fps' }), credentials: login });
const camera = await startOnvifCamera({
  ...login, login: 'ws-security', isDiscoverable: true, clockOffsetMs: 3_600_000, location: 'north gate',
  information: { Manufacturer: 'Acme', Model: 'Dome 7', FirmwareVersion: '007', SerialNumber: '0042', HardwareId: 'D7' },
  streams: { profile_1: `rtsp://127.0.0.1:${server.port}/main`, profile_2: `rtsp://127.0.0.1:${server.port}/sub` },
});
process.stdout.write(`onvif://admin:secret@127.0.0.1:${camera.port}/\n`);
let isMoving = false;
const moving = setInterval(() => { isMoving = !isMoving; camera.move(isMoving); }, 5_000);
process.once('SIGINT', () => {
  clearInterval(moving);
  void Promise.all([camera.close(), server.close()]);
});
