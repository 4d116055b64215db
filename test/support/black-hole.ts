import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { eventually } from './eventually.ts';

/** A port whose connections never come about: its queue is full, and whoever listens does not look. As behind a firewall that drops. */
export async function blackHole(): Promise<{ readonly port: number; close(): void }> {
  const child = spawn(process.execPath, ['-e', "const server = require('node:net').createServer(); server.listen(0, '127.0.0.1', 1, () => console.log(server.address().port))"], { stdio: ['ignore', 'pipe', 'inherit'] });
  process.on('exit', () => child.kill('SIGKILL'));
  let port = 0;
  child.stdout.on('data', (text: Buffer) => { port = Number(text.toString()); });
  await eventually(() => port > 0, 'the black hole listens');
  child.kill('SIGSTOP');
  const fillers = Array.from({ length: 4 }, () => connect({ port, host: '127.0.0.1' }).on('error', () => { /* it was killed */ })); // the kernel takes the backlog and one more
  await eventually(() => fillers.some(({ readyState }) => readyState === 'open'), 'the queue fills');
  return {
    port,
    close() {
      for (const filler of fillers) filler.destroy();
      child.kill('SIGKILL');
    },
  };
}
