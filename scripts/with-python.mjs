/**
 * `node scripts/with-python.mjs COMMAND...` runs it with MCLD_PYTHON set to a Python that has PyTorch; `python` is
 * that.
 */
import { spawnSync } from 'node:child_process';
import { pythonWithTorch } from './setup/python.mjs';

const [command, ...args] = process.argv.slice(2);
const env = { ...process.env, MCLD_PYTHON: await pythonWithTorch() };
const program = command === 'python' ? env.MCLD_PYTHON : command;
process.exitCode = spawnSync(program, args, { stdio: 'inherit', env }).status ?? 1;
