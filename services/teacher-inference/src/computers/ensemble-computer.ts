import { clipped } from '@mcld/errors/text.js';
import type { TeacherDigest } from '@mcld/platform/ids.js';
import { Rows } from '@mcld/platform/rows.js';
import type { EnsembleTeacher } from '@mcld/platform/storage/teachers.js';
import { type Computer, LOGITS } from './computer.js';
import { ForeignModelError } from './image-input.js';

/**
 * The mean of several teachers: of their logits, or of their softmax probabilities, whose logarithm then are the
 * logits.
 * @throws ForeignModelError when they have different numbers of classes
 */
export async function ensembleComputer(
  { members, mean }: EnsembleTeacher,
  load: (member: TeacherDigest) => Promise<Computer>,
): Promise<Computer> {
  const computers: Computer[] = [];
  const unload = async () => {
    const outcomes = await Promise.allSettled(computers.map((computer) => computer.unload()));
    const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    if (errors.length > 0) throw new AggregateError(errors, 'not every teacher of an ensemble could be unloaded');
  };
  let classes: number;
  try {
    for (const member of members) computers.push(await load(member));
    classes = commonClasses(computers);
  } catch (error) {
    // Why it was not loaded matters more.
    await unload().catch(() => {});
    throw error;
  }
  return {
    model: computers.map(({ model }) => model).join(' + '),
    widths: { [LOGITS]: classes },
    parameters: computers.reduce((sum, { parameters }) => sum + parameters, 0),
    // No more of it than fits into the header of a segment; the digest knows the members.
    get identity() {
      return clipped(`mean of ${mean}: ${[...new Set(computers.map(({ identity }) => identity))].join(', ')}`, 500);
    },
    sides: { height: undefined, width: undefined },
    isForeign: false,
    members: computers,
    async compute(images) {
      const answers: Rows[] = [];
      for (const computer of computers) {
        // Each may take the pixels away.
        const own = { ...images, pixels: Uint8Array.from(images.pixels) };
        answers.push(await computer.compute(own, LOGITS));
      }
      const values = mean === 'logits' ? meanOf(answers) : meanOf(answers.map(softmax)).map(Math.log);
      return new Rows(values, classes);
    },
    unload,
  };
}

function commonClasses(computers: readonly Computer[]): number {
  const [first = 0, ...others] = computers.map(({ widths }) => widths[LOGITS]);
  const other = others.find((classes) => classes !== first);
  if (other !== undefined) throw new ForeignModelError(`an ensemble of ${first} and of ${other} classes`);
  return first;
}

/** Values of all rows, in float64, member after member, so that they are the same each time. */
function meanOf(members: readonly Rows[]): Float32Array<ArrayBuffer> {
  const sums = new Float64Array(members[0]?.values.length ?? 0);
  for (const { values } of members) for (const [i, value] of values.entries()) sums[i] = (sums[i] ?? 0) + value;
  return Float32Array.from(sums, (sum) => sum / members.length);
}

function softmax(logits: Rows): Rows {
  const shares = Rows.zeros(logits.count, logits.width);
  for (const [i, row] of [...logits].entries()) {
    const most = row.reduce((a, b) => Math.max(a, b));
    const sum = row.reduce((total, z) => total + Math.exp(z - most), 0);
    // Not 0, whose logarithm no student could come near.
    shares.set(
      i,
      row.map((z) => Math.max(1e-30, Math.exp(z - most) / sum)),
    );
  }
  return shares;
}
