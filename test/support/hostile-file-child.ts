import { readFileSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { PlatformError } from '../../src/engine/errors.ts';
import { createDecoder, createScaler, openReader } from '../../src/media/index.ts';
import type { MediaPacket, PacketReader, Picture } from '../../src/media/types.ts';
import { FuzzRandom } from './fuzz.ts';
import { damaged } from './fuzz-damage.ts';

/** What became of one damaged file: `outcome` is a code, `end`, or what it was that should not be. */
export interface FileCase { readonly seed: number; readonly file: string; readonly outcome: string; readonly pictures: number; readonly tookMs: number }

const UNITS_MAX = 150;
const ERRORS_MAX = 50;

async function unitsOf(reader: PacketReader): Promise<MediaPacket[]> {
  const units: MediaPacket[] = [];
  for (let errors = 0; units.length < UNITS_MAX && errors < ERRORS_MAX;) {
    try {
      const unit = await reader.read();
      if (unit === undefined) break;
      units.push(unit);
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error;
      errors += 1;
    }
  }
  return units;
}

/** Opens, reads, decodes and scales the file. Returns the number of pictures. */
async function handle(path: string): Promise<number> {
  const reader = await openReader({ uri: path, openTimeoutMs: 10_000 });
  try {
    const units = await unitsOf(reader);
    const decoder = await createDecoder(reader.parameters, { threads: 1 });
    const scaler = createScaler({ width: 48, height: 48, fit: 'letterbox', align: 'center', padValue: 0, channels: 'rgb' });
    let pictures = 0;
    const take = (made: readonly Picture[]): void => {
      for (const picture of made) {
        named(() => { scaler.release(scaler.scale(picture)); });
        picture.free();
        pictures += 1;
      }
    };
    for (const [frameSeq, unit] of units.entries()) named(() => take(decoder.decode({ frameSeq, ...unit })));
    take(decoder.flush());
    decoder.close();
    scaler.close();
    return pictures;
  } finally {
    await reader.close();
  }
}

/** Damage to a unit is expected, by name. */
function named(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
  }
}

/** Arguments: folder to write to, number of cases, first seed, files to damage. */
const [folder = '', count, first, ...files] = process.argv.slice(2);
const originals = files.map((file) => ({ file, bytes: readFileSync(file) }));
for (let number = 0; number < Number(count); number++) {
  const seed = (Number(first) + Math.imul(number, 0x9e3779b1)) >>> 0;
  const random = new FuzzRandom(seed);
  const { file, bytes } = random.pick(originals);
  const path = join(folder, `case${extname(file)}`);
  writeFileSync(path, damaged(bytes, random));
  process.send?.({ starting: seed });
  const startMs = performance.now();
  let pictures = 0;
  let outcome = 'end';
  try {
    pictures = await handle(path);
  } catch (error) {
    outcome = error instanceof PlatformError ? error.code : `unnamed ${error instanceof Error ? error.stack : String(error)}`;
  }
  process.send?.({ seed, file, outcome, pictures, tookMs: performance.now() - startMs } satisfies FileCase);
}
process.disconnect?.();
