/** What an epoch came to. Written into checkpoints, so that a resumed run's curve has no gap. */
export interface EpochSummary {
  /** Counts from 1. */
  readonly epoch: number;
  /** Steps done when it ended. */
  readonly step: number;
  /** Learning rate of its last step. */
  readonly lr: number;
  /** Mean over the epoch's images, unweighted, by term; and the weighted `total`. */
  readonly losses: Readonly<Record<string, number>>;
  /** Share of training images guessed right as they were seen. */
  readonly trainTop1: number;
}

/** The epoch under way. */
interface PartialEpoch {
  images: number;
  correct: number;
  losses: Record<string, number>;
}

const none = (): PartialEpoch => ({ images: 0, correct: 0, losses: {} });

/** Collects steps into epochs. */
export class TrainingHistory {
  private constructor(
    readonly epochs: EpochSummary[],
    private partial: PartialEpoch,
  ) {}

  static empty(): TrainingHistory {
    return new TrainingHistory([], none());
  }

  static decode(bytes: Uint8Array): TrainingHistory {
    const { epochs, partial } = JSON.parse(Buffer.from(bytes).toString()) as {
      epochs: EpochSummary[];
      partial: PartialEpoch;
    };
    return new TrainingHistory(epochs, partial);
  }

  encode(): Uint8Array {
    return Buffer.from(`${JSON.stringify({ epochs: this.epochs, partial: this.partial }, null, 1)}\n`);
  }

  addStep(images: number, correct: number, losses: Readonly<Record<string, number>>): void {
    this.partial.images += images;
    this.partial.correct += correct;
    for (const [name, value] of Object.entries(losses)) {
      this.partial.losses[name] = (this.partial.losses[name] ?? 0) + value * images;
    }
  }

  endEpoch(epoch: number, step: number, lr: number): EpochSummary {
    const { images, correct, losses } = this.partial;
    const means = Object.fromEntries(Object.entries(losses).map(([name, sum]) => [name, sum / images]));
    const summary = { epoch, step, lr, losses: means, trainTop1: correct / images };
    this.epochs.push(summary);
    this.partial = none();
    return summary;
  }
}
