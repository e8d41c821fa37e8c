import type { StreamPlansResponse } from '@mcld/contracts/mcld/v1/data_loader.js';
import type { Cursor, Views } from '@mcld/contracts/mcld/v1/views.js';
import { cursorAfter, type StepsRequest } from './batches.js';
import type { LoaderClient } from './clients.js';
import { Feed, type FeedOptions } from './feed.js';
import { StreamError } from './stream-error.js';

/** Which images a step shows, in which views. */
export interface StepPlan {
  readonly cursor: Cursor;
  readonly views: Views;
}

/** The plan of each step. Its messages are small: none is fetched ahead. */
export function openPlans(
  loader: Pick<LoaderClient, 'streamPlans'>,
  request: StepsRequest,
  options: FeedOptions = {},
): Feed<StepPlan> {
  const open = (last: StepPlan | undefined, signal: AbortSignal) =>
    readPlans(loader.streamPlans({ ...request, from: cursorAfter(last, request) }, { signal }));
  return new Feed({ what: 'plans', service: 'data loader' }, open, options);
}

async function* readPlans(messages: AsyncIterable<StreamPlansResponse>): AsyncGenerator<StepPlan> {
  for await (const { cursor, views } of messages) {
    if (!cursor || !views) throw new StreamError('the data loader sent a plan without its cursor or its views');
    if (views.index.length !== views.code.length)
      throw new StreamError('the data loader sent views without a code each');
    yield { cursor, views };
  }
}
