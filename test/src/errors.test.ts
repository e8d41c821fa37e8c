/** Every class of errors of this project says what it means, and no two say the same. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { McldError } from '@mcld/errors/mcld-error.js';
import { statusNames } from '@mcld/errors/meaning.js';
import { describe, expect, it } from 'vitest';
import { projectRoot } from './support/data.js';

const packages = ['packages', 'services'].flatMap((place) =>
  readdirSync(path.join(projectRoot, place)).map((name) => path.join(projectRoot, place, name, 'src')),
);

const sources = packages.flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /(?<!\.test|\.d)\.ts$/.test(file) && !file.includes('gen/'))
    .map((file) => path.join(folder, file)),
);

/** Every class whose name says that it is an error, with its file and what it extends. */
const classes = sources.flatMap((file) =>
  Array.from(
    readFileSync(file, 'utf8').matchAll(/^(?:export )?class (\w+)(?:<.*>)? extends (\w*Error)\b/gm),
    ([, name = '', base = '']) => ({ name, base, file }),
  ),
);

const compiled = (file: string): string =>
  pathToFileURL(file.replace(/\/src\/(?!.*\/src\/)/, '/dist/').replace(/\.ts$/, '.js')).href;

/** It is exported, so that others can tell it from what they do not know. */
async function typeOf({ name, file }: { name: string; file: string }): Promise<typeof McldError> {
  const module: Record<string, typeof McldError | undefined> = await import(compiled(file));
  const type = module[name];
  if (!type) throw new Error(`${file} does not export ${name}`);
  return type;
}

const derived = classes.filter(({ name }) => name !== 'McldError');

describe('classes of errors', () => {
  it('all come from one', () => {
    const strangers = classes.filter(({ base }) =>
      /^(Aggregate|Eval|Range|Reference|Syntax|Type|URI)?Error$/.test(base),
    );
    expect(strangers.map(({ name }) => name)).toEqual(['McldError']);
    expect(derived.length).toBeGreaterThan(30);
  });

  it.each(derived)('$name says what it means', async (about) => {
    const type = await typeOf(about);
    expect(type.prototype).toBeInstanceOf(McldError);
    expect(Object.hasOwn(type, 'meaning')).toBe(true);
    expect(statusNames).toContain(type.meaning.status);
    expect(type.meaning.reason).toMatch(/^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/);
  });

  it('have a reason each, by which a copy is recognised', async () => {
    const types = await Promise.all(classes.map(typeOf));
    const reasons = types.map(({ meaning }) => meaning.reason);
    expect(reasons.filter((reason, i) => reasons.indexOf(reason) !== i)).toEqual([]);
  });
});
