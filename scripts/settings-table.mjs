#!/usr/bin/env node
// Writes the table of settings in docs/configuration.md from the zod schema; `--check` only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { configSchema } from '@mcld/platform/config.js';
import { z } from 'zod';

const file = new URL('../docs/configuration.md', import.meta.url);
const begin = '<!-- settings -->\n';
const end = '<!-- /settings -->';

const { properties } = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' });
// These depend on who asks.
const folders = { MCLD_HOME: "the user's data folder", MCLD_CACHE_DIR: "the user's cache folder" };
const rows = Object.entries(properties).map(([name, { default: value, description = '', enum: choices }]) => {
  const shown = folders[name] ?? (value === undefined ? '' : `\`${value}\``);
  const meaning = [description, choices?.join(', ')].filter(Boolean).join(': ');
  return `| \`${name}\` | ${shown} | ${meaning} |`;
});
const table = ['| variable | default | meaning |', '| --- | --- | --- |', ...rows].join('\n');
const text = readFileSync(file, 'utf8');
const [before, rest] = text.split(begin);
const after = rest.slice(rest.indexOf(end));
const wanted = `${before}${begin}${table}\n${after}`;
if (process.argv.includes('--check')) {
  if (text !== wanted) {
    process.stderr.write('docs/configuration.md is out of date: run node scripts/settings-table.mjs\n');
    process.exit(1);
  }
} else {
  writeFileSync(file, wanted);
}
