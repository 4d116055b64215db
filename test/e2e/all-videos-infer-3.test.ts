import { test } from 'uvu';
import { testInferOnVideos } from '../support/infer-videos.ts';

testInferOnVideos(2, 4);

test.run();
