import { McldError } from '@mcld/errors/mcld-error.js';
import type { FieldViolation } from '@mcld/errors/meaning.js';
import { messageOf } from '@mcld/errors/text.js';
import { parse as parseYaml } from 'yaml';
import type { z } from 'zod';
import { type Recipe, recipeSchema } from './schema.js';

/** Thrown for a recipe that cannot be run; its message has a line for each field. */
export class RecipeError extends McldError {
  static override readonly meaning = { status: 'INVALID_ARGUMENT', reason: 'INVALID_RECIPE' } as const;

  constructor(fields: readonly FieldViolation[]) {
    super(fields.map(({ field, message }) => (field ? `${field}: ${message}` : message)).join('\n'), { fields });
  }
}

/** Checks a recipe and fills in its defaults. @throws RecipeError */
export function parseRecipe(value: unknown): Recipe {
  const result = recipeSchema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  throw new RecipeError(result.error.issues.flatMap(nearest).map(describe));
}

/** Of a union's complaints, those of the variant that the value is nearest to: its name is right. */
function nearest(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const named = issue.errors.filter((errors) => !errors.some(({ path }) => path[0] === 'name'));
  const [variant = []] = [...named].sort((a, b) => a.length - b.length);
  const inner = variant.map((one): z.core.$ZodIssue => ({ ...one, path: [...issue.path, ...one.path] }));
  return inner.length > 0 ? inner.flatMap(nearest) : [issue];
}

function describe(issue: z.core.$ZodIssue): FieldViolation {
  const field = fieldOf(issue.path);
  if (issue.code === 'unrecognized_keys') {
    return { field, message: `unknown key ${issue.keys.map((key) => `'${key}'`).join(', ')}` };
  }
  const actual = issue.input === undefined ? '' : ` (found ${JSON.stringify(issue.input)?.slice(0, 80)})`;
  return { field, message: `${issue.message}${actual}` };
}

const fieldOf = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((field, key) => {
    if (typeof key === 'number') return `${field}[${key}]`;
    return field === '' ? String(key) : `${field}.${String(key)}`;
  }, '');

/**
 * Reads a recipe's YAML (or JSON) and applies `a.b=c` overrides, whose values are YAML too.
 * @throws RecipeError
 */
export function readRecipe(text: string, overrides: readonly string[] = []): Recipe {
  let value: unknown;
  try {
    value = parseYaml(text);
  } catch (error) {
    throw new RecipeError([{ field: '', message: `no valid YAML: ${messageOf(error).split('\n')[0]}` }]);
  }
  for (const override of overrides) applyOverride(value, override);
  return parseRecipe(value);
}

function applyOverride(recipe: unknown, override: string): void {
  const at = override.indexOf('=');
  const keys = override
    .slice(0, at)
    .replaceAll(/\[(\d+)\]/g, '.$1')
    .split('.');
  if (at < 1 || keys.some((key) => key === '' || key === '__proto__')) {
    throw new RecipeError([{ field: '', message: `--set ${override}: expected path=value, as in optimizer.lr=0.1` }]);
  }
  // A recipe that is not a mapping is refused as a whole later.
  if (isMapping(recipe)) set(recipe, keys, parseYaml(override.slice(at + 1)));
}

/** Makes the mappings on the way that are not there. */
function set(mapping: Record<string, unknown>, [key = '', ...below]: readonly string[], value: unknown): void {
  if (below.length === 0) {
    mapping[key] = value;
    return;
  }
  const present = mapping[key];
  const inner = isMapping(present) ? present : {};
  mapping[key] = inner;
  set(inner, below, value);
}

const isMapping = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
