// This project's own addon (packages/native): Pillow's resize, rectangles of JPEGs, AVIFs, mapped files. They are
// decoded by the libjpeg-turbo and the libavif out of Pillow's wheel, so that pixels are Pillow's, bit for bit.
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fillFolder } from './cache-folder.mjs';
import { withLock } from './lock.mjs';
import { assertTools, cacheDir, root, run } from './platform.mjs';
import { contentDigest, filesUnder, isCurrent, writeStamp } from './stamp.mjs';
import { tensorflowHeaders } from './tensorflow.mjs';
import { fetchWheel } from './wheel.mjs';

const wheel = {
  project: 'pillow',
  version: '13.0.0',
  sha256: 'a625df9a2a5597fa5e5266e01aefc82604bb85d291e3547981e863560d75da6c',
  tags: ['--python-version', '3.11', '--implementation', 'cp', '--abi', 'cp311', '--platform', 'manylinux_2_28_x86_64'],
};

const libraries = ['libjpeg', 'libavif'];
const unpacked = path.join(cacheDir, `libraries-of-${wheel.project}-${wheel.version}`);
const folder = path.join(root, 'packages/native');
const addon = path.join(folder, 'build/native.node');
const stamp = path.join(folder, 'build/.stamp');

export async function compileNative(say) {
  const sources = filesUnder(path.join(folder, 'native'), (name) => /\.(cc|h)$/.test(name));
  const identity = `${unpacked} ${wheel.sha256} ${contentDigest(sources)}`;
  if (isCurrent(stamp, identity) && [addon, unpacked].every(existsSync)) return;
  assertTools();
  await withLock('native.lock', say, () => fillFolder(unpacked, fill), cacheDir);
  say('compiling the native addon');
  mkdirSync(path.dirname(addon), { recursive: true });
  const headers = [path.join(root, 'node_modules/node-api-headers/include'), tensorflowHeaders('libjpeg_turbo')];
  run('g++', [
    ...['-shared', '-fPIC', '-O3', '-std=c++17', '-Wall', '-Werror'],
    ...headers.flatMap((include) => ['-isystem', include]),
    path.join(folder, 'native/addon.cc'),
    ...readdirSync(unpacked).map((name) => path.join(unpacked, name)),
    `-Wl,-rpath,${unpacked}`,
    ...['-o', addon],
  ]);
  writeStamp(stamp, identity);
}

function fill(part) {
  const file = fetchWheel(wheel, part);
  run('python3', ['-c', unpackScript, file, part, ...libraries]);
  rmSync(file);
}

const unpackScript = `
import os, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    for library in sys.argv[3:]:
        [name] = [n for n in wheel.namelist() if n.startswith('pillow.libs/' + library)]
        with open(os.path.join(sys.argv[2], os.path.basename(name)), 'wb') as out:
            out.write(wheel.read(name))
`;
