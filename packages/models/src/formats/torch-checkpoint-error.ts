import { McldError } from '@mcld/errors/mcld-error.js';
/** Thrown for a checkpoint of PyTorch that is damaged, or that holds no tensors. */
export class TorchCheckpointError extends McldError {
  static override readonly meaning = { status: 'INVALID_ARGUMENT', reason: 'INVALID_TORCH_CHECKPOINT' } as const;
}
