import { declareParameters, fixedImageSize } from '@mcld/models/layers/parameters.js';
import type { TeacherDigest } from '@mcld/platform/ids.js';
import { Rows } from '@mcld/platform/rows.js';
import type { ComputeThread } from '@mcld/tensor/compute-thread.js';
import type { handlers } from '../worker.js';
import { type Computer, LOGITS } from './computer.js';

/** A teacher of this project's models, in the compute thread. @param weights safetensors */
export async function weightsComputer(
  thread: ComputeThread<typeof handlers>,
  digest: TeacherDigest,
  weights: Uint8Array,
): Promise<Computer> {
  const { handle, model, classes } = await thread.call('load', { digest, weights });
  const side = fixedImageSize(model);
  return {
    model,
    widths: { [LOGITS]: classes },
    parameters: declareParameters(model, classes).size,
    identity: await thread.call('identity', undefined),
    sides: { height: side, width: side },
    isForeign: false,
    members: [],
    async compute(images, output) {
      const { values, width } = await thread.call('compute', { handle, output, ...images }, [images.pixels.buffer]);
      return new Rows(values, width);
    },
    unload: () => thread.call('unload', { handle }),
  };
}
