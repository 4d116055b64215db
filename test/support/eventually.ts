/** Waits until `condition` holds, looking every few milliseconds. Fails naming `what` after `limitMs`. */
export async function eventually(condition: () => boolean, what: string, limitMs = 5000): Promise<void> {
  const until = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > until) throw new Error(`${what}: not within ${limitMs} ms`);
    await new Promise<void>(resolve => { setTimeout(resolve, 2); });
  }
}
