import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
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
}

/** Starts `mcld` as a user would. */
export function startCli(args: readonly string[], env: NodeJS.ProcessEnv = {}): StartedCli {
  const child = spawn(process.execPath, [main, ...args], { cwd: projectRoot, env: { ...process.env, ...env } });
  const result = new Promise<CliResult>((resolve) => {
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data: Buffer) => {
      stdout += data.toString();
    });
    child.stderr.on('data', (data: Buffer) => {
      stderr += data.toString();
    });
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { process: child, result };
}

export const cli = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<CliResult> =>
  startCli(args, env).result;
