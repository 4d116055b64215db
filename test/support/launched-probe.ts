// Program that test/cli/runtime.test.ts launches: says what reached it, then ends as told.
const [mode] = process.argv.slice(2);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    console.log(signal);
    setTimeout(() => process.exit(3), 150); // long enough for a second, wrong signal to show
  });
}
console.log(JSON.stringify({
  args: process.argv.slice(2), threads: process.env['UV_THREADPOOL_SIZE'], installMs: process.env['VTO_INSTALL_MS'], startedAtMs: Number(process.env['VTO_STARTED_AT_MS']),
}));
if (mode === 'exit') process.exit(7);
if (mode === 'die') process.kill(process.pid, 'SIGKILL');
setTimeout(() => process.exit(9), 20_000);
