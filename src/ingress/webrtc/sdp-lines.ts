import { PlatformError } from '../../engine/errors.ts';

/** A media section of a session description (RFC 8866, section 5.14): its `m=` line taken apart, and the attributes below it. */
export interface MediaSection {
  readonly kind: string;
  readonly port: number;
  readonly protocol: string;
  readonly formats: readonly string[];
  readonly attributes: readonly Attribute[];
}

/** An `a=` line: `a=name` or `a=name:value`. */
export interface Attribute { readonly name: string; readonly value: string }

/** A session description as far as it is understood here. */
export interface SessionLines { readonly attributes: readonly Attribute[]; readonly sections: readonly MediaSection[] }

/** Far more than any sender writes. */
const LINES_MAX = 4096;
const LINE_MAX = 4096;
const SECTIONS_MAX = 32;

/**
 * Takes a session description apart into lines and sections. Ends of line may lack the carriage return.
 * @throws PlatformError SDP_INVALID
 */
export function sdpLines(text: string): SessionLines {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  if (lines.length > LINES_MAX) throw sdpInvalid(`it has ${lines.length} lines`);
  const attributes: Attribute[] = [];
  const sections: (MediaSection & { readonly attributes: Attribute[] })[] = [];
  for (const [index, line] of lines.entries()) {
    if (!/^[a-z]=/.test(line) || line.length > LINE_MAX || /[\0-\x08\x0a-\x1f\x7f]/.test(line)) throw sdpInvalid(`line ${index + 1} is none of SDP`);
    if (line.startsWith('m=')) sections.push({ ...mediaLine(line, index + 1), attributes: [] });
    else if (line.startsWith('a=')) (sections.at(-1)?.attributes ?? attributes).push(attributeOf(line.slice(2)));
    if (sections.length > SECTIONS_MAX) throw sdpInvalid(`it has more than ${SECTIONS_MAX} media sections`);
  }
  return { attributes, sections };
}

/** What is wrong with a description, as the error of it. */
export function sdpInvalid(what: string): PlatformError {
  return new PlatformError('SDP_INVALID', `the session description cannot be used: ${what}`, {});
}

/** The value of the first attribute of a name; undefined when there is none. */
export function attributeIn(attributes: readonly Attribute[], name: string): string | undefined {
  return attributes.find((attribute) => attribute.name === name)?.value;
}

/** The values of all attributes of a name. */
export function attributesIn(attributes: readonly Attribute[], name: string): readonly string[] {
  return attributes.filter((attribute) => attribute.name === name).map(({ value }) => value);
}

function mediaLine(line: string, number: number): Omit<MediaSection, 'attributes'> {
  const match = /^m=([A-Za-z0-9-]{1,32}) (\d{1,5})(?:\/\d+)? ([A-Z0-9/]{1,64})((?: [!-~]{1,64})+)$/.exec(line);
  const [, kind = '', port = '', protocol = '', formats = ''] = match ?? [];
  if (match === null || Number(port) > 65_535) throw sdpInvalid(`line ${number} is no media section`);
  return { kind, port: Number(port), protocol, formats: formats.trim().split(' ') };
}

function attributeOf(text: string): Attribute {
  const colon = text.indexOf(':');
  return colon < 0 ? { name: text, value: '' } : { name: text.slice(0, colon), value: text.slice(colon + 1) };
}
