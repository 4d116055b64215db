import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { canonicalSchema } from '../src/messages/schema-history.ts';
import { topicNames } from './wire-types.ts';

const folder = fileURLToPath(new URL('avro/', import.meta.url));

/**
 * The newest entry of each topic's history: the current schema. A schema that says something new to programs gets the next number;
 * one whose comments alone changed stays under its own.
 */
export function renderSchemaHistory(): readonly { readonly path: string; readonly text: string }[] {
  return topicNames().map((topic) => {
    const text = readFileSync(join(folder, `${topic}.avsc`), 'utf8');
    const newest = newestVersion(topic);
    const before = newest === 0 ? undefined : readFileSync(join(folder, 'history', topic, `${newest}.avsc`), 'utf8');
    const version = before !== undefined && canonicalSchema(before) === canonicalSchema(text) ? newest : newest + 1;
    return { path: `schemas/avro/history/${topic}/${version}.avsc`, text };
  });
}

function newestVersion(topic: string): number {
  const path = join(folder, 'history', topic);
  return existsSync(path) ? Math.max(0, ...readdirSync(path).map((name) => Number.parseInt(name, 10)).filter(Number.isInteger)) : 0;
}
