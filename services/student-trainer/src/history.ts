import type { EpochSummary, HistoryDocument } from '@mcld/platform/runs/history.js';

/** The epoch under way. */
type PartialEpoch = HistoryDocument['partial'];

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

  /** Goes on from what a checkpoint has. */
  static from({ epochs, partial }: HistoryDocument): TrainingHistory {
    return new TrainingHistory([...epochs], partial);
  }

  encode(): Uint8Array {
    const content: HistoryDocument = { epochs: this.epochs, partial: this.partial };
    return Buffer.from(`${JSON.stringify(content, null, 1)}\n`);
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
