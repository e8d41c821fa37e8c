import { setTimeout as sleep } from 'node:timers/promises';
import type { FieldViolation } from '@mcld/errors/meaning.js';
import { RefusedError } from '@mcld/platform/grpc/errors.js';

/** Once something is refused: how long other checks get to fail too, so that a person reads of all that is wrong. */
const GRACE_MS = 250;

/**
 * Waits for all checks, unless one refuses: what takes minutes to open is not waited for then.
 * @throws RefusedError with the first fault of each field, in the order of the checks; otherwise the first error
 */
export async function allPass(checks: readonly Promise<unknown>[]): Promise<void> {
  const errors: unknown[] = [];
  let refuse = () => {};
  const refused = new Promise<void>((resolve) => {
    refuse = resolve;
  });
  const settled = checks.map((check, place) =>
    check.catch((error: unknown) => {
      errors[place] = error;
      if (error instanceof RefusedError) refuse();
    }),
  );
  await Promise.race([Promise.all(settled), refused.then(() => sleep(GRACE_MS))]);
  const refusals = errors.filter((error) => error instanceof RefusedError);
  // A service that is away may come back; a wrong setting stays wrong, so it is reported first.
  const first = refusals.find(({ status }) => status !== 'UNAVAILABLE') ?? refusals[0];
  if (first) {
    const faults = refusals.flatMap(({ fields }) => fields);
    const isFirst = ({ field }: FieldViolation, place: number) => faults.findIndex((f) => f.field === field) === place;
    throw new RefusedError(first, faults.filter(isFirst));
  }
  for (const error of errors) if (error !== undefined) throw error;
}
