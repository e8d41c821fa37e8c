// Generated code (protobuf) and compiled code (tsc in build mode).
import { cpSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { root, run, setupDir } from './platform.mjs';
import { contentDigest, filesUnder, isCurrent, statDigest, writeStamp } from './stamp.mjs';

const bin = (name) => path.join(root, 'node_modules', '.bin', name);

export function generateContracts(say) {
  const protos = filesUnder(path.join(root, 'proto'), (name) => name.endsWith('.proto'));
  const digest = contentDigest([path.join(root, 'buf.gen.yaml'), ...protos]);
  const out = path.join(root, 'packages/contracts/src/gen');
  const stamp = path.join(out, '.stamp');
  if (isCurrent(stamp, digest)) return;
  say('generating code from proto/');
  run(bin('buf'), ['generate']);
  // The descriptors that gRPC reflection serves.
  run(bin('buf'), ['build', '-o', path.join(out, 'descriptors.binpb')]);
  writeStamp(stamp, digest);
}

export function buildSources(say, { force }) {
  const sources = ['packages', 'services', 'test'].flatMap((folder) =>
    filesUnder(path.join(root, folder), (name) => /\.(ts|json)$/.test(name)),
  );
  const digest = statDigest([...sources, path.join(root, 'tsconfig.base.json')]);
  const stamp = path.join(setupDir, 'build');
  if (!force && isCurrent(stamp, digest)) return;
  say('compiling');
  run(bin('tsc'), ['-b', 'tsconfig.json']);
  const descriptors = 'descriptors.binpb';
  mkdirSync(path.join(root, 'packages/contracts/dist'), { recursive: true });
  cpSync(
    path.join(root, 'packages/contracts/src/gen', descriptors),
    path.join(root, 'packages/contracts/dist', descriptors),
  );
  writeStamp(stamp, digest);
}
