import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectRoot } from './data.js';

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const main = path.join(projectRoot, 'packages/cli/dist/main.js');

export interface StartedCli {
  readonly process: ChildProcess;
  readonly result: Promise<CliResult>;
  /** Waits until it has printed what matches, on either stream. */
  printed(pattern: RegExp): Promise<void>;
}

/** Starts `mcld` as a user would. */
export function startCli(args: readonly string[], env: NodeJS.ProcessEnv = {}): StartedCli {
  const child = spawn(process.execPath, [main, ...args], { cwd: projectRoot, env: { ...process.env, ...env } });
  let [stdout, stderr, isOver] = ['', '', false];
  child.stdout.on('data', (data: Buffer) => {
    stdout += data.toString();
  });
  child.stderr.on('data', (data: Buffer) => {
    stderr += data.toString();
  });
  const result = new Promise<CliResult>((resolve) => {
    child.once('close', (code) => {
      isOver = true;
      resolve({ code, stdout, stderr });
    });
  });
  const printed = async (pattern: RegExp) => {
    while (!pattern.test(stdout) && !pattern.test(stderr)) {
      if (isOver) throw new Error(`mcld ${args[0]} ended without ${pattern}:\n${stdout}${stderr}`);
      await sleep(20);
    }
  };
  return { process: child, result, printed };
}

export const cli = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<CliResult> =>
  startCli(args, env).result;
