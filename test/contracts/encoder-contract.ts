import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import type { Encoder } from '../../src/feature-ops/encoders/encoder.ts';
import type { Raster } from '../../src/messages/raster.ts';
import { distance } from '../support/arrays.ts';
import { FORMS } from '../support/rasters.ts';
import { seeded } from '../support/small-models.ts';

/** An encoder to judge, and a form of samples that it takes. */
export interface EncoderSubject {
  readonly name: string;
  readonly version: RegExp;
  readonly form: string;
  open(): Promise<Encoder>;
}

/** Sides of the pictures for encoders that take any size. */
const ANY = { width: 40, height: 30 };

/** What every encoder must do. Run by the encoders' test; `contract.run()` is done here. */
export function encoderContract({ name, version, form, open }: EncoderSubject): void {
  const contract = suite(`${name} on ${form}`);
  const { modality, raster } = FORMS[form]!;
  const seed = Number(process.env['SEED'] ?? 11);
  const random = seeded(seed);
  let encoder: Encoder;
  const pictures = (count: number): Raster[] => Array.from({ length: count }, () => raster(encoder.size ?? ANY, random));
  const refused = async (picture: Raster, pattern: RegExp): Promise<void> => {
    const error: unknown = await encoder.encode([picture]).then(() => undefined, (reason: unknown) => reason);
    assert.instance(error, PlatformError);
    assert.is((error as PlatformError).code, 'RASTER_INVALID');
    assert.match((error as PlatformError).message, pattern);
  };
  contract.before(async () => { encoder = await open(); });
  contract.after(() => encoder.close());

  contract('is named name@version and says what it takes and gives', () => {
    assert.ok(encoder.id.startsWith(`${name}@`), encoder.id);
    assert.match(encoder.id.slice(name.length + 1), version);
    assert.is(encoder.modality, modality);
    assert.is(encoder.provider, 'cpu');
    assert.ok(encoder.shape.length > 0 && encoder.shape.every((size) => Number.isInteger(size) && size > 0), `[${encoder.shape.join()}]`);
  });

  contract('gives features of the declared dimensions, all of them finite', async () => {
    const length = encoder.shape.reduce((product, size) => product * size, 1);
    for (const feature of await encoder.encode(pictures(3), 'dimensions')) {
      assert.is(feature.length, length);
      assert.ok(feature.every((value) => Number.isFinite(value)));
    }
    assert.equal(await encoder.encode([]), []);
  });

  contract('gives the same for a batch as for its pictures one by one', async () => {
    const several = pictures(5);
    const batch = await encoder.encode(several, 'batch');
    for (const [index, picture] of several.entries()) {
      const [single] = await encoder.encode([picture], 'singles');
      // A larger matrix product may add in another order.
      assert.ok(distance(batch[index]!, single!) <= 1e-5 * Math.max(1, ...single!.map(Math.abs)), `picture ${index}, seed ${seed}`);
    }
  });

  contract('gives the same bytes for the same pictures, whatever came between', async () => {
    const several = pictures(3);
    const before = await encoder.encode(several, 'again');
    await encoder.encode(pictures(4), 'another');
    encoder.forget('again');
    assert.equal(await encoder.encode(several, 'again'), before);
    const other = await open();
    assert.equal(await other.encode(several, 'again'), before);
    await other.close();
  });

  contract('leaves the picture as it was, and keeps no hold of it', async () => {
    const [picture] = pictures(1);
    const copy = picture!.samples.slice();
    const [feature] = await encoder.encode([picture!], 'kept');
    const kept = feature!.slice();
    assert.equal(picture!.samples, copy);
    picture!.samples.fill(1);
    assert.equal(feature, kept);
  });

  contract('refuses a picture of another size, of too few samples, of other samples and of another modality by name', async () => {
    const { width, height } = encoder.size ?? ANY;
    if (encoder.size !== undefined) await refused(raster({ width: width + 1, height }, random), new RegExp(`takes pictures of ${width}x${height}, not ${width + 1}x${height}`));
    const right = raster({ width, height }, random);
    await refused({ ...right, samples: right.samples.slice(1) }, /samples are no picture of/);
    for (const [other, { modality: theirs, raster: make }] of Object.entries(FORMS)) {
      if (theirs !== modality) await refused(make({ width, height }, random), new RegExp(`is no '${modality}' picture \\(known forms: .*${form}.*\\)`), );
      else if (other !== form) assert.is((await encoder.encode([make({ width, height }, random)], 'other form')).length, 1);
    }
    const { calibration: _, ...bare } = { ...right, samples: new Uint16Array(right.samples.length) };
    if (modality !== 'thermal') await refused(bare, /without calibration is no/); // counts of a thermal sensor have a form of their own
    await refused({ ...right, channels: right.channels === 1 ? 3 : 1 }, /is no/);
  });

  contract('refuses pictures that are not alike in one batch, where it takes any size', async () => {
    if (encoder.size !== undefined) return;
    const error: unknown = await encoder.encode([raster(ANY, random), raster({ width: 20, height: 20 }, random)]).catch((reason: unknown) => reason);
    assert.is((error as PlatformError).code, 'RASTER_INVALID');
    assert.match((error as PlatformError).message, /must be alike/);
  });

  contract('closes once and for all, and says so afterwards', async () => {
    const other = await open();
    await Promise.all([other.close(), other.close()]);
    await other.close();
    const error: unknown = await other.encode(pictures(1)).catch((reason: unknown) => reason);
    assert.is((error as PlatformError).code, 'INFERENCE_FAILED');
    assert.match((error as PlatformError).message, /closed/);
  });

  contract.run();
}
