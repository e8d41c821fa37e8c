import type { TeacherDigest } from '@mcld/platform/ids.js';
import { Rows } from '@mcld/platform/rows.js';
import { describe, expect, it } from 'vitest';
import type { Computer } from './computer.js';
import { ensembleComputer } from './ensemble-computer.js';

function loaderOf(classesOf: Readonly<Record<string, number>>) {
  const unloaded: string[] = [];
  const load = async (member: string): Promise<Computer> => {
    const classes = classesOf[member];
    if (classes === undefined) throw new Error(`no teacher ${member}`);
    return {
      ...{ model: member, widths: { logits: classes }, parameters: 1, identity: 'cpu', isForeign: false, members: [] },
      sides: { height: undefined, width: undefined },
      compute: async ({ pixels }) =>
        new Rows(
          Float32Array.from({ length: classes }, (_, i) => i * (pixels[0] ?? 0)),
          classes,
        ),
      async unload() {
        unloaded.push(member);
        if (member === 'stuck') throw new Error('does not unload');
      },
    };
  };
  return { load, unloaded };
}

const ensemble = (...members: string[]) => ({ members: members as TeacherDigest[], mean: 'logits' as const });

describe('an ensemble', () => {
  it('unloads the members that it has when a later one fails to load', async () => {
    const { load, unloaded } = loaderOf({ a: 2, b: 2 });
    await expect(ensembleComputer(ensemble('a', 'b', 'missing'), load)).rejects.toThrow('no teacher missing');
    expect(unloaded).toEqual(['a', 'b']);
  });

  it('unloads its members when their numbers of classes differ', async () => {
    const { load, unloaded } = loaderOf({ a: 2, b: 3 });
    await expect(ensembleComputer(ensemble('a', 'b'), load)).rejects.toThrow('an ensemble of 2 and of 3 classes');
    expect(unloaded).toEqual(['a', 'b']);
  });

  it('says why it failed to load although a member does not unload', async () => {
    const { load, unloaded } = loaderOf({ stuck: 2, b: 2 });
    await expect(ensembleComputer(ensemble('stuck', 'b', 'missing'), load)).rejects.toThrow('no teacher missing');
    expect(unloaded).toEqual(['stuck', 'b']);
  });

  it('unloads every member, and says so when one fails', async () => {
    const { load, unloaded } = loaderOf({ stuck: 2, b: 2 });
    const computer = await ensembleComputer(ensemble('stuck', 'b'), load);
    await expect(computer.unload()).rejects.toThrow('not every teacher of an ensemble could be unloaded');
    expect(unloaded).toEqual(['stuck', 'b']);
  });
});
