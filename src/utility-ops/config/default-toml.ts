import { configJsonSchema, type SchemaNode } from './schema.ts';

const HEADER = `# VisuTility Orchestrator: every setting with its default. Written by \`npm run generate\` from src/utility-ops/config/schema.ts.
# Copy what you change into a file of your own: vto start --config my.toml. A later file, then VTO__SECTION__KEY in the environment
# (VTO__SERVING__HTTP_PORT=8081), then flags win.
`;

/** Text of config/default.toml: every key with its sentence and default; a camera as a comment. */
export function renderDefaultToml(): string {
  const entries = Object.entries(configJsonSchema().properties ?? {});
  const scalars = entries.filter(([, node]) => node.properties === undefined && node.items?.properties === undefined);
  const tables = entries.filter(([, node]) => node.properties !== undefined);
  const lists = entries.filter(([, node]) => node.items?.properties !== undefined);
  return [
    HEADER,
    ...scalars.map(([key, node]) => `${renderKey(key, node)}\n`),
    ...tables.map(([name, table]) => `# ${table.description}\n[${name}]\n${renderKeys(table)}\n`),
    ...lists.map(([name, list]) => `# ${list.description}\n# [[${name}]]\n${comment(renderKeys(list.items ?? {}))}\n`),
  ].join('\n');
}

function renderKeys(node: SchemaNode): string {
  return Object.entries(node.properties ?? {}).map(([key, child]) => renderKey(key, child)).join('\n');
}

function renderKey(key: string, node: SchemaNode): string {
  return `# ${node.description}\n${key} = ${renderValue(node.examples?.[0] ?? node.default)}`;
}

/** JSON's strings, numbers, booleans and one-line lists are valid TOML; its objects become inline tables. */
function renderValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(renderValue).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{ ${Object.entries(value).map(([key, each]) => `${key} = ${renderValue(each)}`).join(', ')} }`;
}

function comment(text: string): string {
  return text.replace(/^/gm, '# ');
}
