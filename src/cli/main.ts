import { parseArguments, userFolder, type Invocation } from './arguments.ts';
import { reportFailure } from './failure.ts';
import { endWithLauncher } from './launcher-watch.ts';
import { renderCommandHelp, renderHelp } from './help.ts';
import { redactUri } from '../utility-ops/redact-uri.ts';
import { packageVersion } from './version.ts';

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
    case 'dead-letters': return (await import('./dead-letters-command.ts')).deadLettersCommand(invocation, cwd);
    case 'doctor': return (await import('./doctor-command.ts')).doctorCommand(invocation, cwd);
    case 'models': return (await import('./models-command.ts')).modelsCommand(invocation);
    case 'cameras': return (await import('./cameras-command.ts')).camerasCommand(invocation);
    case 'help': process.stdout.write(invocation.topic === undefined ? renderHelp() : renderCommandHelp(invocation.topic)); return 0;
    case 'version': process.stdout.write(`${packageVersion()}\n`); return 0;
  }
}

/** Passwords of camera addresses are given up to the process list for no longer than starting takes. */
function hideLogins(): void {
  const shown = process.argv.map(redactUri);
  if (shown.some((word, index) => word !== process.argv[index])) process.title = [shown[0], ...process.execArgv, ...shown.slice(1)].join(' ');
}

hideLogins();
const over = new AbortController();
void endWithLauncher(process.env, over.signal);
try {
  process.exitCode = await main();
} catch (error) {
  process.exitCode = reportFailure(error);
} finally {
  over.abort();
}
