// `npm run soak [-- --reconnects N] [--seconds N]`: a thousand reconnects, then 40 live cameras among 60 dead ones. The last line is the verdict.
import { parseArgs } from 'node:util';
import { soakDeadCameras, soakReconnects } from '../support/soak.ts';

const { values } = parseArgs({ options: { reconnects: { type: 'string', default: '1000' }, seconds: { type: 'string', default: '30' } } });
const reconnects = Number(values.reconnects);
if (reconnects > 0) await soakReconnects({ reconnects, cameras: 10, growthMax: reconnects < 500 ? 0.15 : 0.05 }); // a heap warms up for some hundred
if (Number(values.seconds) > 0) await soakDeadCameras({ live: 40, dead: 60, seconds: Number(values.seconds) });
console.log(`passed: ${reconnects} reconnects${Number(values.seconds) > 0 ? ', 60 dead cameras' : ''}`);
