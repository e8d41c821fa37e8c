import { closeSync, mkdirSync, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { isFull } from '@mcld/errors/foreign-meaning.js';
import { McldError } from '@mcld/errors/mcld-error.js';
import { messageOf } from '@mcld/errors/text.js';
import { writeWhole } from '@mcld/files/atomic-file.js';
import { lockFile } from '@mcld/native/file-lock.js';
import { z } from 'zod';
import { readDocument } from '../documents.js';

const ownerSchema = z.object({
  pid: z.int(),
  host: z.string(),
  serving: z
    .object({
      /** Addresses of its services, sockets that its user alone can reach. */
      pipeline: z.string().startsWith('unix://'),
      teacher: z.string().startsWith('unix://'),
      /** `host:port` of the pipeline, where the process was started to serve it. */
      endpoint: z.string().optional(),
    })
    .optional(),
});

/** The process that works on a home folder, as it tells others there. Where it does not serve, it starts or ends. */
export type HomeOwner = z.output<typeof ownerSchema>;

export type Serving = NonNullable<HomeOwner['serving']>;

/** Thrown when another living process works on the same home folder. */
export class HomeInUseError extends McldError {
  static override readonly meaning = { status: 'FAILED_PRECONDITION', reason: 'HOME_IN_USE' } as const;

  /** @param owner undefined when it has not told yet who it is */
  constructor(
    home: string,
    readonly owner: HomeOwner | undefined,
  ) {
    const message = `${home} is in use by ${ownerName(owner)}${adviceFor(owner)}`;
    super(message, { fields: [{ field: '--home', message }] });
  }
}

/** Thrown for a home folder that cannot be worked on. */
export class HomeError extends McldError {
  static override readonly meaning = { status: 'INVALID_ARGUMENT', reason: 'HOME' } as const;
}

/** A home folder that this process alone works on. */
export interface HeldHome {
  /** Tells others where this process answers; without an address, that it does not. */
  tell(serving?: Serving): Promise<void>;
  /** Gives the folder up. */
  release(): Promise<void>;
}

const lockName = 'owner.lock';
const ownerFile = (home: string): string => path.join(home, 'owner.json');

/** Only the user who owns the home may ask the process that works on it. */
const PRIVATE = 0o600;

/**
 * Makes this process the only one that works on a home folder, until it releases it or ends. Who that is stands in
 * `owner.json`; what counts is the lock.
 * @throws HomeInUseError, HomeError
 */
export async function holdHome(home: string): Promise<HeldHome> {
  const lock = takeLock(home);
  if (lock === undefined) throw new HomeInUseError(home, await ownerOf(home));
  const tell = (serving?: Serving) => writeOwner(home, { pid: process.pid, host: hostname(), serving });
  const release = async () => {
    await rm(ownerFile(home), { force: true });
    closeSync(lock);
  };
  try {
    await tell();
  } catch (error) {
    closeSync(lock);
    throw homeError(home, error);
  }
  return { tell, release };
}

/** @returns the descriptor that holds the lock; undefined while another process does */
function takeLock(home: string): number | undefined {
  let fd: number | undefined;
  try {
    mkdirSync(home, { recursive: true });
    fd = openSync(path.join(home, lockName), 'a', PRIVATE);
    if (isLocked(fd)) return fd;
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    throw homeError(home, error);
  }
  closeSync(fd);
  return undefined;
}

function isLocked(fd: number): boolean {
  try {
    return lockFile(fd);
  } catch (error) {
    throw new Error(`its disk knows no file locks (${messageOf(error)})`, { cause: error });
  }
}

async function writeOwner(home: string, owner: HomeOwner): Promise<void> {
  try {
    await writeWhole(ownerFile(home), Buffer.from(`${JSON.stringify(owner)}\n`), { mode: PRIVATE });
  } catch (error) {
    // Runs must be removable on a full disk: others then learn that the home is in use, but not by whom.
    if (!isFull(error)) throw error;
    await rm(ownerFile(home), { force: true });
  }
}

const homeError = (home: string, error: unknown): HomeError =>
  new HomeError(`cannot work in ${home}: ${messageOf(error)}; choose another folder with --home or MCLD_HOME`, {
    cause: error,
  });

/** What the last process to work on a home told; undefined where it told nothing, or nothing that can be read. */
export const ownerOf = (home: string): Promise<HomeOwner | undefined> =>
  readDocument(ownerFile(home), ownerSchema).catch(() => undefined);

/** Who an owner is, in words. */
export function ownerName(owner: HomeOwner | undefined): string {
  if (!owner) return 'another process';
  return `process ${owner.pid}${owner.host === hostname() ? '' : ` on ${owner.host}`}`;
}

function adviceFor(owner: HomeOwner | undefined): string {
  if (!owner?.serving) return ', which is starting or ending; try again soon, or choose another folder';
  const { host, serving } = owner;
  if (serving.endpoint) return `, mcld up at ${serving.endpoint}; use that endpoint, or choose another folder`;
  return `; ${host === hostname() ? 'wait for its end' : 'give the command there'}, or choose another folder`;
}
