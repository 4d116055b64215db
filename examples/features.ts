// Describes pictures by features in your own program: node examples/features.ts
// Two pictures of upright bars and one of level bars: whose shapes are alike?
import { FeatureFactory, type Raster } from 'visutility';

const [width, height] = [128, 72];

function bars(period: number, along: 'x' | 'y', light: number): Raster {
  const samples = Uint8Array.from({ length: width * height * 3 }, (_, index) => {
    const pixel = Math.floor(index / 3);
    return (along === 'x' ? pixel % width : Math.floor(pixel / width)) % period < period / 2 ? light : 20;
  });
  return { samples, width, height, channels: 3 };
}

const encoder = await FeatureFactory.create().withModality('rgb').withEncoding('hog', { width, height }).instantiate();
const [day, night, level] = await encoder.encode([bars(16, 'x', 220), bars(16, 'x', 90), bars(16, 'y', 220)]);

function alike(one: Float32Array = new Float32Array(), other: Float32Array = new Float32Array()): string {
  const product = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
  return (product(one, other) / Math.sqrt(product(one, one) * product(other, other))).toFixed(2);
}

console.log(`${encoder.id} gives [${encoder.shape.join(', ')}] for a picture of ${width}x${height}`);
console.log(`upright bars by day and by night: ${alike(day, night)}; upright and level bars: ${alike(day, level)}`);
await encoder.close();
