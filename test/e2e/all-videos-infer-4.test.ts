import { test } from 'uvu';
import { testInferOnVideos } from '../support/infer-videos.ts';

testInferOnVideos(3, 4);

test.run();
