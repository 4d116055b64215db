import { test } from 'uvu';
import { runSwaps } from '../support/swaps.ts';

test('the model is changed under load: no frame is lost, doubled or kept waiting, and the process before is gone', () => runSwaps({ count: 6 }));

test.run();
