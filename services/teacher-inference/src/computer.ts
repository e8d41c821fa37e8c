import type { ChannelStatistics } from '@mcld/tensor/normalise.js';

/** Images of a data set as they are decoded. */
export interface ImageBatch {
  /** uint8 [n, height, width, 3], n at most the compute batch. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly height: number;
  readonly width: number;
  readonly statistics: ChannelStatistics;
}

/** What turns images into a teacher's logits: own weights, an ONNX model, another server. */
export interface LogitComputer {
  /** Name of the architecture, for people. */
  readonly model: string;
  readonly classes: number;
  /** Trainable scalars; 0 where they cannot be known. */
  readonly parameters: number;
  /** What it computes with: logits of different identities are not mixed. */
  readonly identity: string;
  /** @returns float32 [n, classes]; `pixels` may be gone afterwards */
  logits(images: ImageBatch): Promise<Float32Array>;
  unload(): Promise<void>;
}
