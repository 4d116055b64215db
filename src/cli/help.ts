import { COMMANDS, type CommandName, type CommandRow, type FlagRow } from './flags.ts';

/** Text of `vto help`. */
export function renderHelp(): string {
  const rows = Object.entries(COMMANDS).map(([name, { summary }]) => [name, summary] as const);
  return `vto: camera streams in, accounted detections out.\n\nUsage: vto <command> [flags]\n\nCommands\n${renderRows(rows)}\n\n\`vto <command> --help\` shows the flags of a command. Settings may also come from --config files and from VTO__SECTION__KEY.\n`;
}

/** Text of `vto <command> --help`. */
export function renderCommandHelp(name: CommandName): string {
  const command: CommandRow = COMMANDS[name];
  const wanted = [command.positional, command.operand].filter(argument => argument !== undefined);
  const usage = wanted.map(argument => (argument.isRequired ? ` ${argument.name}` : ` [${argument.name}]`)).join('');
  const rows = Object.entries(command.flags).map(([flag, row]) => [`--${flag}${row.kind === 'switch' ? '' : ` ${row.value ?? 'VALUE'}`}`, flagHelp(row)] as const);
  return [
    `${command.summary}.\n\nUsage: vto ${name}${usage}${rows.length > 0 ? ' [flags]' : ''}\n`,
    ...(wanted.length === 0 ? [] : [`Argument${wanted.length > 1 ? 's' : ''}\n${renderRows(wanted.map(argument => [argument.name, argument.help]))}\n`]),
    ...(rows.length === 0 ? [] : [`Flags\n${renderRows(rows)}\n`]),
    ...(command.examples.length === 0 ? [] : [`Examples\n${command.examples.map((example) => `  ${example}`).join('\n')}\n`]),
  ].join('\n');
}

function flagHelp({ help, isRepeatable, choices }: FlagRow): string {
  return `${help}${choices === undefined || help.includes(':') ? '' : ` (${choices.join(', ')})`}${isRepeatable === true ? '; repeatable' : ''}`;
}

function renderRows(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`).join('\n');
}
