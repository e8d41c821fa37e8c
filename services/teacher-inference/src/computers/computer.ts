import type { ChannelStatistics } from '@mcld/tensor/normalise.js';

/** Images of a data set as they are decoded. */
export interface ImageBatch {
  /** uint8 [n, height, width, 3], n at most the compute batch. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly height: number;
  readonly width: number;
  readonly statistics: ChannelStatistics;
}

/** Sides that a model's images must have; undefined: any. */
export interface FixedSides {
  readonly height: number | undefined;
  readonly width: number | undefined;
}

/** What turns images into a teacher's logits: own weights, an ONNX model, another server, several of them. */
export interface Computer {
  /** Name of the architecture, for people. */
  readonly model: string;
  readonly classes: number;
  /** Trainable scalars; 0 where they cannot be known. */
  readonly parameters: number;
  /** What it computes with now, which may change with another server's batches: logits of different identities are not mixed. */
  readonly identity: string;
  readonly sides: FixedSides;
  /** Of others: only trying tells what it ends in, and whether it answers the same each time. */
  readonly isForeign: boolean;
  /** Of an ensemble. */
  readonly members: readonly Computer[];
  /** @returns float32 [n, classes]; `pixels` may be gone afterwards */
  logits(images: ImageBatch): Promise<Float32Array>;
  /**
   * Of a model that its digest cannot hold, since another server has it.
   * @throws ForeignModelError when it is not what the digest was made of, EndpointAwayError when it does not answer
   */
  assertUnchanged?(): Promise<void>;
  unload(): Promise<void>;
}

/** The single teachers of a teacher. */
export function singleComputers(computer: Computer): readonly Computer[] {
  return computer.members.length === 0 ? [computer] : computer.members.flatMap(singleComputers);
}
