#!/usr/bin/env node
// Makes a fresh clone ready: npm packages, native TensorFlow, generated code, compiled code.
// Plain Node without dependencies, since nothing is installed when it runs first.
// With everything in place it only compares stamps.
import { buildSources, generateContracts } from './setup/compile.mjs';
import { withLock } from './setup/lock.mjs';
import { compileNative } from './setup/native.mjs';
import { installPackages } from './setup/packages.mjs';
import { assertPlatform, SetupError } from './setup/platform.mjs';
import { installTensorflow } from './setup/tensorflow.mjs';

const quiet = process.argv.includes('--quiet');
const say = (line) => {
  if (!quiet) process.stderr.write(`${line}\n`);
};

try {
  assertPlatform();
  await withLock('bootstrap.lock', say, async () => {
    installPackages(say);
    await installTensorflow(say);
    await compileNative(say);
    generateContracts(say);
    buildSources(say, { force: process.argv.includes('--build') });
  });
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`mcld set-up: ${error.message}\n`);
  process.exit(1);
}
