import { z } from 'zod';

/** What of a data set's files is not used, by split: of each kind how many, and the names of the first. */
export const passedOverSchema = z.record(
  z.string(),
  z.array(z.object({ kind: z.string(), count: z.int(), names: z.array(z.string()).readonly() })).readonly(),
);
