import { PlatformError } from './errors.ts';

/** The oldest Node that runs the platform; `src/cli/runtime.mjs`, which runs before anything is installed, holds it too. */
export const NODE_MIN = [24, 15] as const;

/**
 * Says plainly what otherwise shows as a missing function somewhere.
 * @param version as in `process.versions.node`
 * @throws PlatformError NODE_TOO_OLD
 */
export function requireNode(version: string = process.versions.node): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return;
  throw new PlatformError('NODE_TOO_OLD', `Node ${NODE_MIN.join('.')} or newer is needed, this is ${version}`, { version });
}
