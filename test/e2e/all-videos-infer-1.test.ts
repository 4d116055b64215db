import { test } from 'uvu';
import { testInferOnVideos } from '../support/infer-videos.ts';

testInferOnVideos(0, 4);

test.run();
