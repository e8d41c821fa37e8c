import { clipped } from '@mcld/errors/text.js';
import type { TeacherDigest } from '@mcld/platform/ids.js';
import type { EnsembleTeacher } from '@mcld/platform/storage/teachers.js';
import type { Computer } from './computer.js';
import { ForeignModelError } from './image-input.js';

/**
 * The mean of several teachers: of their logits, or of their softmax probabilities, whose logarithm then are the logits.
 * @throws ForeignModelError when they tell different numbers of classes apart
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
  try {
    for (const member of members) computers.push(await load(member));
    assertSameClasses(computers);
  } catch (error) {
    // Why it was not loaded matters more.
    await unload().catch(() => {});
    throw error;
  }
  const [{ classes }] = computers as [Computer];
  return {
    model: computers.map(({ model }) => model).join(' + '),
    classes,
    parameters: computers.reduce((sum, { parameters }) => sum + parameters, 0),
    // No more of it than fits into the header of a segment; the digest knows the members.
    get identity() {
      return clipped(`mean of ${mean}: ${[...new Set(computers.map(({ identity }) => identity))].join(', ')}`, 500);
    },
    sides: { height: undefined, width: undefined },
    isForeign: false,
    members: computers,
    async logits(images) {
      const rows: Float32Array[] = [];
      // Each may take the pixels away.
      for (const { logits } of computers)
        rows.push(await logits({ ...images, pixels: Uint8Array.from(images.pixels) }));
      return mean === 'logits' ? meanOf(rows) : meanOf(rows.map((row) => softmax(row, classes))).map(Math.log);
    },
    unload,
  };
}

function assertSameClasses(computers: readonly Computer[]): void {
  const [first, ...others] = computers.map(({ classes }) => classes);
  const other = others.find((classes) => classes !== first);
  if (other !== undefined) throw new ForeignModelError(`an ensemble of ${first} and of ${other} classes`);
}

/** In float64, member after member, so that it is the same each time. */
function meanOf(members: readonly Float32Array[]): Float32Array {
  const [first] = members as [Float32Array];
  return Float32Array.from(first, (_, i) => members.reduce((sum, row) => sum + (row[i] as number), 0) / members.length);
}

function softmax(logits: Float32Array, classes: number): Float32Array {
  const out = new Float32Array(logits.length);
  for (let at = 0; at < logits.length; at += classes) {
    const row = logits.subarray(at, at + classes);
    const most = row.reduce((a, b) => Math.max(a, b));
    const sum = row.reduce((total, z) => total + Math.exp(z - most), 0);
    // Not 0, whose logarithm a student cannot be held against.
    for (let i = 0; i < classes; i++) out[at + i] = Math.max(1e-30, Math.exp((row[i] as number) - most) / sum);
  }
  return out;
}
