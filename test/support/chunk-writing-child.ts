import { createChunkWriter } from '../../src/media/chunk-writer.ts';
import { encodeClip } from './encoded-clip.ts';

/** Writes units to the file named by its first argument until it is killed, and sends the number of resolved writes. */
const clip = encodeClip('h264', { frames: 50 });
const writer = await createChunkWriter(process.argv[2] ?? '', clip.parameters);
for (let count = 0; ; count++) {
  const unit = clip.units[count % clip.units.length];
  if (unit === undefined) break;
  await writer.write({ ...unit, pts: count * 1200, dts: count * 1200 });
  await new Promise((sent) => process.send?.(count + 1, sent));
}
