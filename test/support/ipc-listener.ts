// Listens until it is killed, which leaves its socket file behind.
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { listenIpc } from '../../src/transports/ipc/listen-ipc.ts';

await listenIpc({ path: process.argv[2] ?? '', clock: systemClock, random: seededRandom(1), onError() {} });
process.send?.('listening');
