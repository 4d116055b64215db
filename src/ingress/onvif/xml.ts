import { PlatformError } from '../../engine/errors.ts';

/** One XML element. Names are without their namespace prefix, as devices choose prefixes freely. */
export interface XmlElement {
  readonly name: string;
  /** By name without prefix; the first of a name counts. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  /** Character data directly in this element, exactly as sent. */
  readonly text: string;
}

/** What a document may hold: a large recorder's profiles are a tenth of it. */
export const XML_LIMITS = { depth: 64, elements: 100_000, attributes: 64 } as const;

interface Open { readonly rawName: string; readonly name: string; readonly attributes: Map<string, string>; readonly children: XmlElement[]; text: string }

const NAME = /[^\s/>=<"'!?&]+/y;
const ATTRIBUTE = /\s+([^\s/>=<"'&]+)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/y;
const TAG_END = /\s*(\/?)>/y;
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/**
 * Reads an XML document within bounds. A document type declaration is refused, so there are no entities but the five of XML and characters by
 * number; an ampersand that begins none of these stays as it is, as devices write URIs unescaped.
 * @throws PlatformError ONVIF_INVALID naming the place
 */
export function parseXml(text: string): XmlElement {
  return new Document(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text).read();
}

class Document {
  readonly #text: string;
  readonly #open: Open[] = [];
  #at = 0;
  #elements = 0;
  #root: XmlElement | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  read(): XmlElement {
    for (let next = this.#text.indexOf('<'); next >= 0; next = this.#text.indexOf('<', this.#at)) {
      this.#characters(this.#text.slice(this.#at, next));
      this.#at = next;
      this.#markup();
    }
    this.#characters(this.#text.slice(this.#at));
    const unclosed = this.#open.at(-1);
    if (unclosed) throw this.#refuse(`ends within <${shown(unclosed.rawName)}>`);
    if (!this.#root) throw this.#refuse('has no element');
    return this.#root;
  }

  #markup(): void {
    const text = this.#text;
    if (text.startsWith('<!--', this.#at)) this.#skipTo('-->', 4);
    else if (text.startsWith('<?', this.#at)) this.#skipTo('?>', 2);
    else if (text.startsWith('<![CDATA[', this.#at)) {
      const top = this.#open.at(-1);
      const start = this.#at + 9;
      this.#skipTo(']]>', 9);
      if (top) top.text += text.slice(start, this.#at - 3);
    } else if (text.startsWith('<!', this.#at)) throw this.#refuse('has a document type declaration');
    else if (text.startsWith('</', this.#at)) this.#close();
    else this.#begin();
  }

  #begin(): void {
    if (this.#root && this.#open.length === 0) throw this.#refuse('has a second root');
    if (this.#open.length >= XML_LIMITS.depth) throw this.#refuse(`is nested deeper than ${XML_LIMITS.depth}`);
    this.#elements += 1;
    if (this.#elements > XML_LIMITS.elements) throw this.#refuse(`has more than ${XML_LIMITS.elements} elements`);
    this.#at += 1;
    const rawName = this.#match(NAME)?.[0];
    if (rawName === undefined) throw this.#refuse('has a tag without name');
    const attributes = new Map<string, string>();
    for (let found = this.#match(ATTRIBUTE), count = 0; found; found = this.#match(ATTRIBUTE), count += 1) {
      if (count >= XML_LIMITS.attributes) throw this.#refuse(`has more than ${XML_LIMITS.attributes} attributes in one tag`);
      const name = withoutPrefix(found[1] ?? '');
      if (!attributes.has(name)) attributes.set(name, decoded(found[2] ?? found[3] ?? ''));
    }
    const end = this.#match(TAG_END);
    if (!end) throw this.#refuse(`has a broken tag <${shown(rawName)}`);
    const opened: Open = { rawName, name: withoutPrefix(rawName), attributes, children: [], text: '' };
    if (end[1] === '/') this.#add(opened);
    else this.#open.push(opened);
  }

  #close(): void {
    this.#at += 2;
    const rawName = this.#match(NAME)?.[0] ?? '';
    const opened = this.#open.pop();
    const end = this.#match(TAG_END);
    if (!opened || opened.rawName !== rawName || !end || end[1] !== '') throw this.#refuse(`closes <${shown(rawName)}> where <${shown(opened?.rawName ?? '')}> is open`);
    this.#add(opened);
  }

  #add({ name, attributes, children, text }: Open): void {
    const element: XmlElement = { name, attributes, children, text };
    const parent = this.#open.at(-1);
    if (parent) parent.children.push(element);
    else this.#root = element;
  }

  #characters(text: string): void {
    if (text === '') return;
    const top = this.#open.at(-1);
    if (top) top.text += decoded(text);
    else if (text.trim() !== '') throw this.#refuse('has text outside of its root');
  }

  #skipTo(mark: string, from: number): void {
    const end = this.#text.indexOf(mark, this.#at + from);
    if (end < 0) throw this.#refuse(`lacks a '${mark}'`);
    this.#at = end + mark.length;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found) this.#at = pattern.lastIndex;
    return found;
  }

  #refuse(what: string): PlatformError {
    return new PlatformError('ONVIF_INVALID', `XML ${what} at character ${this.#at}`, { at: this.#at });
  }
}

function withoutPrefix(name: string): string {
  return name.slice(name.lastIndexOf(':') + 1);
}

function shown(name: string): string {
  return name.replace(/[^\w:.-]/g, '?').slice(0, 40);
}

function decoded(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(amp|lt|gt|quot|apos));/gi, (whole, hex?: string, decimal?: string, name?: string) => {
    if (name !== undefined) return ENTITIES[name.toLowerCase()] ?? whole;
    const code = hex === undefined ? Number.parseInt(decimal ?? '', 10) : Number.parseInt(hex, 16);
    return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : whole;
  });
}

/** Makes text fit for an element or an attribute. Characters that XML cannot hold become a question mark. */
export function escapeXml(text: string): string {
  return text.replace(/[<>&"']/g, mark => `&#${mark.charCodeAt(0)};`).replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '?');
}

/** The first element along a path of names, each a child of the one before. */
export function descend(element: XmlElement | undefined, ...names: readonly string[]): XmlElement | undefined {
  return names.reduce<XmlElement | undefined>((at, name) => at?.children.find(each => each.name === name), element);
}

/** All children of a name. */
export function childrenOf(element: XmlElement | undefined, name: string): readonly XmlElement[] {
  return element?.children.filter(each => each.name === name) ?? [];
}

/** Text at the end of a path, without spaces around it; undefined when the path is not there or the text is empty. */
export function textAt(element: XmlElement | undefined, ...names: readonly string[]): string | undefined {
  const text = descend(element, ...names)?.text.trim();
  return text === '' ? undefined : text;
}

/** A finite number at the end of a path. */
export function numberAt(element: XmlElement | undefined, ...names: readonly string[]): number | undefined {
  return finite(textAt(element, ...names));
}

/** The number that a text is; undefined for anything else. */
export function finite(text: string | undefined): number | undefined {
  if (text === undefined || text.trim() === '') return undefined;
  const number = Number(text);
  return Number.isFinite(number) ? number : undefined;
}
