import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../../src/engine/errors.ts';
import { childrenOf, descend, escapeXml, numberAt, parseXml, textAt, XML_LIMITS } from '../../../src/ingress/onvif/xml.ts';

const refused = (text: string): string => {
  try {
    parseXml(text);
  } catch (error) {
    assert.instance(error, PlatformError);
    assert.is((error as PlatformError).code, 'ONVIF_INVALID');
    return (error as PlatformError).message;
  }
  throw new Error(`not refused: ${text.slice(0, 80)}`);
};

test('elements, attributes and text are read without their prefixes, text exactly as sent', () => {
  const root = parseXml('\uFEFF<?xml version="1.0"?>\n<!-- a -- b --><s:a x:k="1" k="2" l=\'&lt;&#65;&#x42;\'>\n 007 <t:b>one</t:b><t:b/> <c><![CDATA[<&>]]></c></s:a>\n');
  assert.is(root.name, 'a');
  assert.equal([...root.attributes], [['k', '1'], ['l', '<AB']]);
  assert.is(root.text, '\n 007  ');
  assert.equal(childrenOf(root, 'b').map(({ text }) => text), ['one', '']);
  assert.is(textAt(root, 'c'), '<&>');
  assert.is(descend(root, 'c', 'd'), undefined);
  assert.is(numberAt(parseXml('<a><b> 1.5 </b></a>'), 'b'), 1.5);
  assert.is(numberAt(parseXml('<a><b>1,5</b></a>'), 'b'), undefined);
});

test('an ampersand that begins no entity stays, as devices write URIs unescaped', () => {
  assert.is(parseXml('<a>rtsp://h/?channel=1&subtype=0&amp;x=1&#xD800;</a>').text, 'rtsp://h/?channel=1&subtype=0&x=1&#xD800;');
});

test('a document type declaration is refused, so nothing can be expanded', () => {
  assert.match(refused('<!DOCTYPE a [<!ENTITY b "bb">]><a>&b;</a>'), 'document type');
});

test('broken documents are refused with the place', () => {
  for (const text of ['', ' ', 'text', '<a>', '<a></b>', '<a/><b/>', '</a>', '<a b></a>', '<a b="1></a>', '<a b=1/>', '<!-- a', '<?a', '<a><![CDATA[x</a>', '<', '<a>x</a', 'x<a/>', '<a/>x', '<1 "/>']) assert.match(refused(text), /at character \d+$/);
});

test('depth, elements and attributes are bounded', () => {
  assert.match(refused('<a>'.repeat(XML_LIMITS.depth + 1)), 'nested deeper');
  assert.match(refused(`<a>${'<b/>'.repeat(XML_LIMITS.elements)}</a>`), 'elements');
  assert.match(refused(`<a ${Array.from({ length: XML_LIMITS.attributes + 1 }, (_, index) => `b${index}="1"`).join(' ')}/>`), 'attributes');
});

test('names of objects are names like others', () => {
  const root = parseXml('<__proto__ constructor="1"><toString>2</toString></__proto__>');
  assert.is(root.attributes.get('constructor'), '1');
  assert.is(textAt(root, 'toString'), '2');
  assert.is(({} as Record<string, unknown>)['constructor'], Object);
});

test('text made fit for XML comes back as it was, but for what XML cannot hold', () => {
  const text = '<a b="c" d=\'e\'>&amp; ü €';
  assert.is(parseXml(`<x y="${escapeXml(text)}">${escapeXml(text)}</x>`).text, text);
  assert.is(parseXml(`<x y="${escapeXml(text)}"/>`).attributes.get('y'), text);
  assert.is(escapeXml('a\u0000b\uFFFE'), 'a?b?');
});

test('a document of a megabyte of marks that lead nowhere is read in time', () => {
  const start = performance.now();
  for (const text of ['<a ' + ' '.repeat(1 << 20), `<a>${'&#'.repeat(1 << 19)}</a>`, '<a b="'.repeat(1 << 17), '<!--'.repeat(1 << 18), `<a>${']]'.repeat(1 << 19)}`, `<a${' b'.repeat(1 << 19)}/>`]) {
    try { parseXml(text); } catch { /* refused is as good */ }
  }
  assert.ok(performance.now() - start < 5_000, `took ${performance.now() - start} ms`);
});

test.run();
