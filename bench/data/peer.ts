import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A figure of peer/loader.py, run by the Python that MCLD_PYTHON names. */
export function peerRate(...args: string[]): number {
  const script = fileURLToPath(new URL('../peer/loader.py', import.meta.url));
  const python = process.env.MCLD_PYTHON ?? 'python3';
  return Number(execFileSync(python, [script, ...args], { encoding: 'utf8' }));
}
