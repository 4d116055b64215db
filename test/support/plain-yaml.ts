/** What YAML text stands for. */
export type Yaml = string | number | boolean | null | readonly Yaml[] | { readonly [key: string]: Yaml };

interface Line { readonly indent: number; readonly text: string; readonly number: number }

/**
 * Reads the plain YAML that our manifests are written in: block maps and lists, one-line lists of quoted texts, quoted and plain scalars, literal blocks, comments on
 * lines of their own. Whatever else YAML has is refused. test/real/k8s.real.ts compares it with a full reader.
 */
export function readYaml(text: string): readonly Yaml[] {
  return text.split(/^---$/m).map((document) => new Reader(document).read());
}

class Reader {
  readonly #lines: Line[];

  constructor(text: string) {
    this.#lines = text.split('\n').map((line, index) => ({ indent: /^ */.exec(line)![0].length, text: line.trim(), number: index + 1 }));
    this.#skip();
  }

  read(): Yaml {
    const value = this.#block(0);
    if (this.#lines.length > 0) throw new Error(`line ${this.#lines[0]!.number}: ${this.#lines[0]!.text}`);
    return value;
  }

  /** Drops comments and empty lines. */
  #skip(): void {
    while (this.#lines.length > 0 && /^(#|$)/.test(this.#lines[0]!.text)) this.#lines.shift();
  }

  #next(): Line | undefined {
    this.#skip();
    return this.#lines[0];
  }

  #block(indent: number): Yaml {
    return this.#next()?.text.startsWith('- ') === true ? this.#list(indent) : this.#map(indent);
  }

  #list(indent: number): Yaml {
    const items: Yaml[] = [];
    for (let line = this.#next(); line?.indent === indent && line.text.startsWith('- '); line = this.#next()) {
      const text = line.text.slice(2);
      if (/^[\w./-]+:( |$)/.test(text)) {
        this.#lines[0] = { ...line, indent: indent + 2, text };
        items.push(this.#map(indent + 2));
      } else {
        this.#lines.shift();
        items.push(scalar(text, line.number));
      }
    }
    return items;
  }

  #map(indent: number): Yaml {
    const entries: [string, Yaml][] = [];
    for (let line = this.#next(); line?.indent === indent && !line.text.startsWith('- '); line = this.#next()) {
      const [, key, rest] = /^([\w./-]+):(?: (.+))?$/.exec(line.text) ?? [];
      if (key === undefined) throw new Error(`line ${line.number} is no entry: ${line.text}`);
      if (entries.some(([known]) => known === key)) throw new Error(`line ${line.number}: a second '${key}'`);
      this.#lines.shift();
      if (rest === '|') entries.push([key, this.#literal(indent)]);
      else if (rest !== undefined) entries.push([key, scalar(rest, line.number)]);
      else {
        const child = this.#next();
        if (child === undefined || child.indent <= indent) throw new Error(`line ${line.number}: '${key}' is empty`);
        entries.push([key, this.#block(child.indent)]);
      }
    }
    return Object.fromEntries(entries);
  }

  /** A literal block of ours is indented by two, and ends with one line break. */
  #literal(indent: number): string {
    const lines: string[] = [];
    while (this.#lines.length > 0 && (this.#lines[0]!.text === '' || this.#lines[0]!.indent > indent)) {
      const line = this.#lines.shift()!;
      lines.push(line.text === '' ? '' : ' '.repeat(line.indent - indent - 2) + line.text);
    }
    return `${lines.join('\n').trimEnd()}\n`;
  }
}

function scalar(text: string, line: number): Yaml {
  if (/^".*"$/.test(text) || /^\[("[^"]*"(, )?)+\]$/.test(text)) return JSON.parse(text) as Yaml;
  if (/^\d+$/.test(text)) return Number(text);
  if (text === 'true' || text === 'false') return text === 'true';
  if (!/^[A-Za-z0-9/][\w./:-]*$/.test(text) || /^(yes|no|on|off|null)$/i.test(text) || text.endsWith(':')) throw new Error(`line ${line}: write '${text}' in quotes`);
  return text;
}
