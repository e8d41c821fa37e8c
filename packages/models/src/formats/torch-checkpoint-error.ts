/** Thrown for a checkpoint of PyTorch that is damaged, or that holds no tensors. */
export class TorchCheckpointError extends Error {
  override readonly name = 'TorchCheckpointError';
}
