import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DataLoaderServiceDefinition } from '@mcld/contracts/mcld/v1/data_loader.js';
import { McldError } from '@mcld/errors/mcld-error.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../config.js';
import { createLogger } from '../logging.js';
import { type OpenClient, openClient } from './client.js';
import { NotFoundError, RefusedError } from './errors.js';
import { failureText, isOutOfReach, RemoteError } from './remote-error.js';
import { type RunningServer, startServer } from './server.js';

const folder = await mkdtemp(path.join(tmpdir(), 'mcld-remote-'));

let failure: unknown;
let server: RunningServer;
let open: OpenClient<typeof DataLoaderServiceDefinition>;

const fail = (): never => {
  throw failure;
};

beforeAll(async () => {
  server = await startServer({
    config: readConfig({}),
    logger: createLogger('test', 'silent'),
    listen: `unix://${folder}/server.sock`,
    serviceNames: [],
    add: (grpc) =>
      grpc.add(DataLoaderServiceDefinition, {
        describeDataset: async () => fail(),
        streamPlans: async function* () {
          yield {};
          fail();
        },
        streamBatches: fail,
        streamViews: fail,
      }),
  });
  open = openClient(DataLoaderServiceDefinition, server.address, {});
});

afterAll(async () => {
  open.close();
  await server.close();
});

/** What a client catches of an error that a handler throws. */
const caught = (error: unknown): Promise<unknown> => {
  failure = error;
  return open.client.describeDataset({}).catch((thrown: unknown) => thrown);
};

describe('an error that crosses gRPC', () => {
  it('keeps its message, status, reason and fields', async () => {
    const fields = [{ field: 'dataset.root', message: 'no folder own' }];
    const error = await caught(new RefusedError({ status: 'NOT_FOUND', reason: 'DATASET_MISSING' }, fields));
    expect(error).toBeInstanceOf(RemoteError);
    expect(error).toMatchObject({
      method: '/mcld.v1.DataLoaderService/DescribeDataset',
      message: 'dataset.root: no folder own',
      ...{ status: 'NOT_FOUND', reason: 'DATASET_MISSING', retryable: false, fields },
    });
  });

  it('keeps them at the end of a stream', async () => {
    failure = new NotFoundError('no such plan');
    let plans = 0;
    const read = async () => {
      for await (const _ of open.client.streamPlans({})) plans++;
    };
    await expect(read()).rejects.toMatchObject({ status: 'NOT_FOUND', message: 'no such plan' });
    expect(plans).toBe(1);
  });

  it('says whether it may pass', async () => {
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    expect(await caught(full)).toMatchObject({ status: 'RESOURCE_EXHAUSTED', reason: 'NO_SPACE', retryable: false });
    const busy = Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
    expect(await caught(busy)).toMatchObject({ reason: 'TOO_MANY_FILES', retryable: true });
  });

  it('is internal where it is a bug', async () => {
    const error = await caught(new TypeError('x is undefined'));
    expect(error).toMatchObject({ status: 'INTERNAL', message: 'internal error: x is undefined', retryable: false });
  });
});

it('a server that is not there is out of reach, and one that refuses is not', async () => {
  const nobody = openClient(DataLoaderServiceDefinition, `unix://${folder}/nobody.sock`, {});
  const error = await nobody.client.describeDataset({}).catch((thrown: unknown) => thrown);
  nobody.close();
  expect(error).toMatchObject({ status: 'UNAVAILABLE', reason: 'UNAVAILABLE', retryable: true });
  expect(isOutOfReach(error)).toBe(true);
  expect(isOutOfReach(await caught(new NotFoundError('no run')))).toBe(false);
});

it('a server that is not there is told by what the connection failed with, and nothing else', async () => {
  const nobody = openClient(DataLoaderServiceDefinition, `unix://${folder}/nobody.sock`, {});
  const error: unknown = await nobody.client.describeDataset({}).catch((thrown: unknown) => thrown);
  nobody.close();
  expect(error).toMatchObject({ status: 'UNAVAILABLE', message: `connect ENOENT ${folder}/nobody.sock` });
  expect(isOutOfReach(error)).toBe(true);
  const why = `the DataLoaderService is out of reach: connect ENOENT ${folder}/nobody.sock`;
  expect(failureText(McldError.from(error))).toBe(why);
  expect(failureText(new NotFoundError('no run r'))).toBe('no run r');
});
