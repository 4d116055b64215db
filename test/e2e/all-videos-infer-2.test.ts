import { test } from 'uvu';
import { testInferOnVideos } from '../support/infer-videos.ts';

testInferOnVideos(1, 4);

test.run();
