import { codeOf } from '@mcld/errors/code.js';

/** Whether a process lives, of any user. @param pid 0, which kill() takes for the caller's group, is none */
export function isAlive(pid: number): boolean {
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}
