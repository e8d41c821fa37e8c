import { clipped } from '@mcld/errors/text.js';
import { RequestError } from '@mcld/platform/grpc/errors.js';
import type { Rows } from '@mcld/platform/rows.js';
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

/** The output that every teacher has: a value for each class. */
export const LOGITS = 'logits';

/** Values of a row of each output that a teacher has, by name. */
export type OutputWidths = Readonly<Record<string, number>> & { readonly [LOGITS]: number };

/** What turns images into a teacher's rows: own weights, an ONNX model, another server, several of them. */
export interface Computer {
  /** Name of the architecture, for people. */
  readonly model: string;
  readonly widths: OutputWidths;
  /** Trainable scalars; 0 where they cannot be known. */
  readonly parameters: number;
  /**
   * What it computes with now, which may change with another server's batches: rows of different identities are not
   * mixed.
   */
  readonly identity: string;
  readonly sides: FixedSides;
  /** Of others: only trying tells what it ends in, and whether it answers the same each time. */
  readonly isForeign: boolean;
  /** Of an ensemble. */
  readonly members: readonly Computer[];
  /**
   * @param output one of `widths`
   * @returns a row for each image; `pixels` may be gone afterwards
   */
  compute(images: ImageBatch, output: string): Promise<Rows>;
  /**
   * For a model on another server, which its digest cannot cover.
   * @throws ForeignModelError when it is not what the digest was made of, EndpointAwayError when it does not answer
   */
  assertUnchanged?(): Promise<void>;
  unload(): Promise<void>;
}

/** The single teachers of a teacher. */
export function singleComputers(computer: Computer): readonly Computer[] {
  return computer.members.length === 0 ? [computer] : computer.members.flatMap(singleComputers);
}

/** Values of a row of an output. @throws RequestError for one that the teacher does not have */
export function widthOf({ model, widths }: Pick<Computer, 'model' | 'widths'>, output: string): number {
  const width = Object.hasOwn(widths, output) ? widths[output] : undefined;
  if (width !== undefined) return width;
  throw new RequestError(
    `output '${clipped(output, 40)}': the teacher (${model}) has ${Object.keys(widths).join(', ')}`,
  );
}
