import { Waiting } from '@mcld/contracts/mcld/v1/waiting.js';
import type { Wait, WaitStage } from './wait.js';

/** A wait as clients get it. @param stage '' for a wait of a service of its own */
export const wireWait = ({ since, ...wait }: Wait, stage: WaitStage | ''): Waiting =>
  Waiting.create({ stage, since: new Date(since), ...wait });

/** A wait that another service tells of. */
export function waitOfWire({ service, what, since, retries, lastError, address, answer, because }: Waiting): Wait {
  return {
    ...{ service, what, since: (since ?? new Date()).toISOString(), retries },
    ...(lastError && { lastError }),
    ...(address && { address }),
    ...(isAnswer(answer) && { answer }),
    ...(because && { because }),
  };
}

const isAnswer = (text: string): text is NonNullable<Wait['answer']> => ['answers', 'silent', 'absent'].includes(text);
