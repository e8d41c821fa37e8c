import type { Config } from '@mcld/platform/config.js';
import { answerOf } from '@mcld/platform/grpc/answering.js';
import type { Logger } from '@mcld/platform/logging.js';
import { WaitWatch } from '@mcld/platform/waits/wait-watch.js';

/** How long the data loader may take to answer before it counts as silent, in ms. */
const ANSWER_MS = 1000;

/** Logs what the teacher waits for in vain; services that wait for the teacher ask it for this. */
export const teacherWaits = (config: Config, logger: Logger): WaitWatch =>
  new WaitWatch({
    afterMs: config.MCLD_WAIT_SECONDS * 1000,
    logger,
    diagnose: async ({ service }) => {
      if (service !== 'data loader') return {};
      const address = config.MCLD_DATA_LOADER;
      return { address, answer: await answerOf(address, ANSWER_MS, config) };
    },
  });
