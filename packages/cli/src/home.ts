import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerOf } from '@mcld/platform/grpc/answering.js';
import { HomeInUseError, type HomeOwner, ownerName, ownerOf, type Serving } from '@mcld/platform/runs/ownership.js';
import { type EmbeddedOptions, type EmbeddedPipeline, homeFolder, startEmbedded } from './embedded.js';
import { CliError, Exit } from './exit.js';
import { say } from './say.js';

/** Another process that hosts the pipeline of a home. */
export interface ServingOwner extends HomeOwner {
  readonly serving: Serving;
}

/** How long a process may take to start, or to end, which includes an evaluation that has begun. */
const CHANGING_MS = 600_000;

/** How long the address of a process may be out of reach: its successor may not have written its own yet. */
const ABSENT_MS = 5000;

/** After this long the command says what it waits for. */
const QUIET_MS = 2000;

const LOOK_MS = 100;

/** A process answers within this, however busy it is, unless it was stopped. */
const ANSWER_MS = 10_000;

const isServing = (owner: HomeOwner | undefined): owner is ServingOwner => owner?.serving !== undefined;

/** Whether it serves others (`mcld up`), rather than its own run. */
export const lasts = ({ serving }: ServingOwner): boolean => serving.endpoint !== undefined;

/**
 * Hosts the pipeline of a home in this process, or finds the one that does. Waits for a process that is starting or
 * ending there.
 * @throws HomeInUseError, HomeError, CliError
 */
export async function hostOrFind(
  options: EmbeddedOptions,
  signal: AbortSignal,
): Promise<EmbeddedPipeline | ServingOwner> {
  const home = homeFolder(options.home);
  const begun = performance.now();
  let isTold = false;
  for (;;) {
    try {
      return await startEmbedded(options);
    } catch (error) {
      if (!(error instanceof HomeInUseError)) throw error;
      const { owner } = error;
      if (isServing(owner) && (await isReachable(home, owner, error))) return owner;
      const waited = performance.now() - begun;
      if (waited > (isServing(owner) ? ABSENT_MS : CHANGING_MS)) throw error;
      if (waited > QUIET_MS && !isTold) {
        isTold = true;
        say(`waiting for ${home}: ${ownerName(owner)} is starting or ending there`);
      }
    }
    await sleep(LOOK_MS, undefined, { signal }).catch(() => {
      throw new CliError('stopped', Exit.interrupted);
    });
  }
}

/** As `hostOrFind`, but in this process or not at all. @throws HomeInUseError, HomeError, CliError */
export async function hostHome(options: EmbeddedOptions, signal: AbortSignal): Promise<EmbeddedPipeline> {
  const host = await hostOrFind(options, signal);
  if ('serving' in host) throw new HomeInUseError(homeFolder(options.home), host);
  return host;
}

async function isReachable(
  home: string,
  { pid, host, serving }: ServingOwner,
  inUse: HomeInUseError,
): Promise<boolean> {
  const answer = await answerOf(serving.pipeline, ANSWER_MS);
  if (answer === 'silent') {
    const how = `if it was stopped (Ctrl-Z), 'kill -CONT ${pid}' lets it go on`;
    throw new CliError(`process ${pid}, which works on ${home}, does not answer: ${how}`, Exit.unavailable);
  }
  if (answer === 'absent' && host !== hostname()) throw inUse;
  return answer === 'answers';
}

/** Whether a process no longer hosts the pipeline of a home. */
export async function hasLeft(home: string, { serving }: ServingOwner): Promise<boolean> {
  const now = await ownerOf(home);
  return now?.serving?.pipeline !== serving.pipeline || (await answerOf(serving.pipeline, ANSWER_MS)) === 'absent';
}
