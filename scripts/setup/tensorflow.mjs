// Native TensorFlow under tfjs-node. The package's own install script would download TensorFlow
// 2.9.1; instead the libraries and headers come out of the Python wheel of a current TensorFlow,
// and the addon is compiled against them. The unpacked 1.1 GB are kept once per user.
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { fillFolder } from './cache-folder.mjs';
import { withLock } from './lock.mjs';
import { assertTools, cacheDir, root, run } from './platform.mjs';
import { contentDigest, isCurrent, writeStamp } from './stamp.mjs';
import { fetchWheel } from './wheel.mjs';

const wheel = {
  project: 'tensorflow_cpu',
  version: '2.21.0',
  sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
  // A fixed tag, so that any Python 3 fetches the same file. Only the C library in it is used.
  tags: ['--python-version', '3.11', '--implementation', 'cp', '--abi', 'cp311', '--platform', 'manylinux_2_27_x86_64'],
};
const libraries = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];

const unpacked = path.join(cacheDir, `${wheel.project}-${wheel.version}`);
const addonPackage = path.join(root, 'node_modules/@tensorflow/tfjs-node');
const addon = path.join(addonPackage, 'lib/napi-v8/tfjs_binding.node');
const stamp = path.join(addonPackage, 'lib/.mcld-addon');
const native = path.join(root, 'packages/tensor/native');
const runtime = path.join(native, 'build/runtime.node');

/** Headers of a library that TensorFlow is built with and brings along. */
export const tensorflowHeaders = (library) => path.join(unpacked, 'tensorflow/include/external', library);

export async function installTensorflow(say) {
  const identity = `${unpacked} ${wheel.sha256} ${contentDigest([path.join(native, 'runtime.cc')])}`;
  if (isCurrent(stamp, identity) && [addon, runtime, unpacked].every(existsSync)) return;
  assertTools();
  await withLock('tensorflow.lock', say, () => fillCache(say), cacheDir);
  say('compiling the TensorFlow addon');
  linkLibraries();
  const headers = path.resolve(path.dirname(process.execPath), '..');
  const nodedir = existsSync(path.join(headers, 'include/node/node_api.h')) ? [`--nodedir=${headers}`] : [];
  run(path.join(root, 'node_modules/.bin/node-pre-gyp'), ['install', '--build-from-source', ...nodedir], {
    cwd: addonPackage,
  });
  compileRuntime();
  writeStamp(stamp, identity);
}

function fillCache(say) {
  return fillFolder(unpacked, (part) => {
    say(`fetching TensorFlow ${wheel.version} (274 MB, once per user)`);
    const file = fetchWheel(wheel, part);
    say('unpacking it');
    run('python3', ['-c', unpackScript, file, part]);
    rmSync(file);
  });
}

const unpackScript = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    wanted = [n for n in wheel.namelist()
              if n.startswith('tensorflow/include/') or n in ${JSON.stringify(libraries.map((l) => `tensorflow/${l}`))}]
    wheel.extractall(sys.argv[2], wanted)
`;

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

function compileRuntime() {
  mkdirSync(path.dirname(runtime), { recursive: true });
  const library = path.join(unpacked, 'tensorflow/libtensorflow_cc.so.2');
  const options = ['-shared', '-fPIC', '-O1', '-std=c++17', `-DTENSORFLOW_LIBRARY="${library}"`];
  run('g++', [...options, path.join(native, 'runtime.cc'), '-ldl', '-o', runtime]);
}
