#!/usr/bin/env node
// Writes recipes/recipe.schema.json from the zod schema, for editors; `--check` only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { recipeSchema } from '@mcld/recipe/schema.js';
import { z } from 'zod';

const file = new URL('../recipes/recipe.schema.json', import.meta.url);
const schema = z.toJSONSchema(recipeSchema, { io: 'input', unrepresentable: 'any' });
const text = `${JSON.stringify({ title: 'mcld recipe', ...schema }, null, 2)}\n`;
if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== text) {
    process.stderr.write('recipes/recipe.schema.json is out of date: run node scripts/recipe-schema.mjs\n');
    process.exit(1);
  }
} else {
  writeFileSync(file, text);
}
