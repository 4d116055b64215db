import { test } from 'uvu';
import { soakDeadCameras, soakReconnects } from '../support/soak.ts';

test('a hundred reconnects leave memory, descriptors and threads as they were; every frame is accounted for', () => soakReconnects({ reconnects: 100, cameras: 5, growthMax: 0.15 })); // the heap still warms up

test('forty live cameras lose nothing beside sixty dead ones', () => soakDeadCameras({ live: 40, dead: 60, seconds: 10 }));

test.run();
