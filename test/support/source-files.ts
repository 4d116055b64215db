import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A source file of the platform. */
export interface SourceFile {
  /** Below the repository root, with `/`. */
  readonly path: string;
  readonly text: string;
  /** The text with comments and the insides of strings and regular expressions blanked; lines stay where they are. */
  readonly code: string;
  readonly imports: readonly string[];
}

/** The repository root. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The TypeScript sources below the folders, generated ones and declarations left out. */
export function sourceFiles(...folders: readonly string[]): readonly SourceFile[] {
  const paths = folders.flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: ROOT })).map((path) => path.replaceAll('\\', '/'));
  return paths.filter((path) => !path.includes('/generated/') && !path.endsWith('.d.ts')).sort().map((path) => {
    const text = readFileSync(join(ROOT, path), 'utf8');
    const code = blank(text);
    return { path, text, code, imports: importsOf(text, code) };
  });
}

/** Module names of static, dynamic, type-only and re-exporting imports. */
export function importsOf(text: string, code: string): readonly string[] {
  const names: string[] = [];
  for (const match of code.matchAll(/(?<![.\w$])(?:from\s*|import\s*\(?\s*)(['"])/g)) {
    const start = match.index + match[0].length;
    names.push(text.slice(start, text.indexOf(match[1] as string, start)));
  }
  return names;
}

/** Blanks comments and the insides of literals, one character for one, so that a search finds code only. */
export function blank(text: string): string {
  let code = '';
  let index = 0;
  const depths: number[] = []; // open braces inside each `${`
  const keep = (length: number): void => { code += text.slice(index, index + length); index += length; };
  const hide = (end: number): void => { code += text.slice(index, end).replace(/[^\n]/g, ' '); index = end; };
  const template = (): void => { // from behind a backtick or a closing brace to the next `${` or backtick
    let end = index;
    while (end < text.length && text[end] !== '`' && !(text[end] === '$' && text[end + 1] === '{')) end += text[end] === '\\' ? 2 : 1;
    hide(end);
    if (text[index] === '`') { keep(1); return; }
    keep(2);
    depths.push(0);
  };
  while (index < text.length) {
    const rest = text[index] as string;
    const two = text.slice(index, index + 2);
    if (two === '//') hide(endOr(text.indexOf('\n', index), text.length));
    else if (two === '/*') hide(endOr(text.indexOf('*/', index + 2) + 2, text.length, 1));
    else if (rest === '\'' || rest === '"') { keep(1); hide(closing(text, index, rest)); keep(1); }
    else if (rest === '`') { keep(1); template(); }
    else if (rest === '/' && isRegExpStart(code)) { keep(1); hide(closingRegExp(text, index)); keep(1); }
    else if (rest === '{' && depths.length > 0) { depths[depths.length - 1] = (depths.at(-1) ?? 0) + 1; keep(1); }
    else if (rest === '}' && depths.length > 0 && depths.at(-1) === 0) { depths.pop(); keep(1); template(); }
    else if (rest === '}' && depths.length > 0) { depths[depths.length - 1] = (depths.at(-1) ?? 0) - 1; keep(1); }
    else keep(1);
  }
  return code;
}

function endOr(found: number, otherwise: number, least = 0): number {
  return found <= least - 1 || found < 0 ? otherwise : found;
}

function closing(text: string, from: number, quote: string): number {
  let end = from;
  while (end < text.length && text[end] !== quote && text[end] !== '\n') end += text[end] === '\\' ? 2 : 1;
  return end;
}

function closingRegExp(text: string, from: number): number {
  let end = from;
  let isInClass = false;
  while (end < text.length && text[end] !== '\n' && (isInClass || text[end] !== '/')) {
    if (text[end] === '\\') end++;
    else if (text[end] === '[') isInClass = true;
    else if (text[end] === ']') isInClass = false;
    end++;
  }
  return end;
}

/** A slash starts a regular expression where a value may start: behind an operator, an opening bracket or `return`. */
function isRegExpStart(before: string): boolean {
  return /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\breturn|\bcase|\btypeof)\s*$/.test(before.slice(-40));
}
