import { basename } from 'node:path';
import type { ModelInspection, PictureWanted } from '../inference/inspect.ts';

/** More class names than this are cut off in text. */
const NAMES_SHOWN = 8;

/**
 * What is known of a model file, for people: the verdict first, then the file, its tensors, and what each family says.
 * @param family that was named, or `auto`
 */
export function formatInspection(found: ModelInspection, family: string): string {
  const { picture, sizeBytes, digest, opset, irVersion, producer } = found;
  const matching = found.evidence.filter(({ isMatch }) => isMatch);
  const rows: (readonly [string, string])[] = [
    ['family', verdict(found, family)],
    ['file', `${(sizeBytes / 1e6).toFixed(1)} MB, sha256 ${digest}`],
    ['', `opset ${opset}, IR ${irVersion}${producer === '' ? '' : `, by ${producer}`}`],
    ...column('in', found.inputs),
    ...column('out', found.outputs),
    ...(picture === undefined ? [] : pictureRows(picture)),
    ...column('metadata', Object.entries(found.metadata).map(([key, value]) => `${key}: ${value.length > 100 ? `${value.slice(0, 100)}…` : value}`)),
    ...column('why', matching.map(row => `${row.family}: ${row.says}${row.doubt === undefined ? '' : `; but ${row.doubt}`}`)),
    ...column('why not', found.evidence.filter(({ isMatch }) => !isMatch).map(row => `${row.family}: ${row.says}`)),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return `${basename(found.path)}\n${rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`).join('\n')}\n`;
}

function verdict({ evidence, candidates, family: certain, picture }: ModelInspection, named: string): string {
  if (named !== 'auto') {
    if (picture !== undefined) return `${named}, as named`;
    return `not ${named}: ${evidence.find(({ family }) => family === named)?.says ?? ''}`;
  }
  if (certain !== undefined) return certain;
  return candidates.length === 0 ? 'none that is known' : `has to be named: --family ${candidates.join(' or --family ')}`;
}

function column(name: string, lines: readonly string[]): (readonly [string, string])[] {
  return lines.map((line, index) => [index === 0 ? name : '', line]);
}

function pictureRows({ shape, mean, deviation, isBatchable, labels }: PictureWanted): (readonly [string, string])[] {
  const { width, height, fit, align, padValue, channels } = shape;
  const placed = fit === 'stretch' ? 'stretched' : `letterboxed ${align === 'center' ? 'in the middle' : 'top left'} on grey ${padValue}`;
  const shown = labels.slice(0, NAMES_SHOWN).join(', ');
  const rest = labels.length > NAMES_SHOWN ? `, … (${labels.length} in all)` : '';
  return [
    ['picture', `${width}x${height} ${channels.toUpperCase()}, ${placed}, ${scaling(mean, deviation)}`],
    ['batch', isBatchable ? 'any number of pictures a run, by its declaration' : 'one picture a run'],
    ['classes', labels.length === 0 ? 'not named: class-0, class-1, …; name them with --labels' : `${shown}${rest}`],
  ];
}

function scaling(mean: readonly number[], deviation: readonly number[]): string {
  const each = (values: readonly number[]): string => (values.every(value => value === values[0]) ? String(values[0]) : `[${values.join(', ')}]`);
  const less = mean.length === 0 ? 'samples' : `(samples - ${each(mean)})`;
  return deviation.length === 0 ? `${less} as they are` : `${less} / ${each(deviation)}`;
}
