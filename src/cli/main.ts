import { parseArguments, userFolder, type Invocation } from './arguments.ts';
import { reportFailure } from './failure.ts';
import { helpText, versionText } from './help.ts';

/** Runs what the command line asks for. The code of a command is loaded only when it is asked for. */
async function main(): Promise<number> {
  const cwd = userFolder(process.env, process.cwd());
  return run(parseArguments(process.argv.slice(2), cwd), cwd);
}

async function run(invocation: Invocation, cwd: string): Promise<number> {
  switch (invocation.command) {
    case 'start': return (await import('./start-command.ts')).startCommand(invocation, cwd);
    case 'infer': return (await import('./infer-command.ts')).inferCommand(invocation, cwd);
    case 'verify': return (await import('./verify-command.ts')).verifyCommand(invocation, cwd);
    case 'doctor': return (await import('./doctor-command.ts')).doctorCommand(invocation, cwd);
    case 'help': process.stdout.write(helpText(invocation.topic)); return 0;
    case 'version': process.stdout.write(`${versionText()}\n`); return 0;
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  process.exitCode = reportFailure(error);
}
