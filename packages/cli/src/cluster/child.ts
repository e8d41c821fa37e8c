import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CliError } from '../exit.js';

/** How long a process gets to end by itself before it is killed. */
const GRACE_MS = 15_000;

/** A process of a cluster, its output in a log file. */
export class Child {
  private constructor(
    readonly name: string,
    readonly process: ChildProcess,
    readonly logFile: string,
    readonly firstLine: Promise<string>,
  ) {}

  /**
   * Starts a program in a process group of its own, so that Ctrl-C reaches it only through us, in order.
   * @param captureOutput standard output is read here (its first line); else it goes to the log too
   */
  static start(
    name: string,
    [command, ...args]: readonly [string, ...string[]],
    options: { env?: NodeJS.ProcessEnv; logs: string; captureOutput?: boolean },
  ): Child {
    mkdirSync(options.logs, { recursive: true });
    const logFile = path.join(options.logs, `${name}.log`);
    const log = openSync(logFile, 'a');
    const child = spawn(command, args, {
      detached: true,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', options.captureOutput ? 'pipe' : log, log],
    });
    closeSync(log);
    const firstLine = new Promise<string>((resolve, reject) => {
      let text = '';
      child.stdout?.on('data', (data: Buffer) => {
        text += data.toString();
        const end = text.indexOf('\n');
        if (end >= 0) resolve(text.slice(0, end));
      });
      child.once('error', (error) => reject(new CliError(`cannot start ${name}: ${error.message}`)));
      child.once('exit', (code) =>
        reject(new CliError(`${name} ended with code ${code} while it started; see ${logFile}`)),
      );
    });
    firstLine.catch(() => {}); // Asked for by those who wait for it.
    return new Child(name, child, logFile, firstLine);
  }

  get running(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (!this.running) return;
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill(signal);
    const timeout = new AbortController();
    await Promise.race([ended, sleep(GRACE_MS, undefined, { signal: timeout.signal }).catch(() => {})]);
    timeout.abort();
    if (this.running) {
      this.process.kill('SIGKILL');
      await ended;
    }
  }

  /** Waits until `ready` holds. @throws CliError when the process ends first or 30 s pass */
  async until(ready: () => Promise<boolean>): Promise<void> {
    for (let attempt = 0; attempt < 300; attempt++) {
      if (!this.running) throw new CliError(`${this.name} ended while it started; see ${this.logFile}`);
      if (await ready().catch(() => false)) return;
      await sleep(100);
    }
    throw new CliError(`${this.name} was not ready within 30 s; see ${this.logFile}`);
  }
}
