import { homedir } from 'node:os';
import path from 'node:path';
import { McldError } from '@mcld/errors/mcld-error.js';
import { z } from 'zod';
import type { S3Access } from './storage/s3-object-store.js';

/**
 * Settings of a process, from environment variables: types, defaults, messages and the deployment's
 * ConfigMap all follow this schema.
 */
const address = z.string().min(1);
const port = z.coerce.number().int().min(0).max(65_535);

export const configSchema = z.object({
  MCLD_HOME: z
    .string()
    .default(path.join(process.env.XDG_DATA_HOME ?? path.join(homedir(), '.local/share'), 'mcld'))
    .describe('runs, checkpoints and logits where no object store is named'),
  MCLD_DATA_DIR: z.string().default('.').describe('what relative data set roots count from'),
  MCLD_DATA_ANYWHERE: z.stringbool().default(false).describe('lets recipes name data outside MCLD_DATA_DIR'),
  MCLD_CACHE_DIR: z
    .string()
    .default(path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'mcld'))
    .describe('what can be found out again: fingerprints of data sets, copies of stored logits'),
  MCLD_DECODED_COPIES: z
    .stringbool()
    .default(false)
    .describe('keeps image files that are framed, not cut at random, decoded under MCLD_CACHE_DIR (uint8, mapped)'),
  MCLD_VIEW_WINDOW_MB: z.coerce
    .number()
    .int()
    .min(1)
    .default(256)
    .describe('most memory of the data loader for decoded views that others may ask for too'),
  MCLD_HOST: z.string().default('127.0.0.1').describe('interface to listen on'),
  MCLD_PORT: port.default(0).describe('port to listen on; 0 takes a free one'),
  MCLD_DATA_LOADER: address.default('127.0.0.1:50051').describe('address of the data loader'),
  MCLD_TEACHER_INFERENCE: address.default('127.0.0.1:50052').describe('address of the teacher'),
  MCLD_EVALUATOR: address.default('127.0.0.1:50054').describe('address of the evaluator'),
  MCLD_NATS_URL: z.string().optional().describe('nats://host:port; absent: events and work stay in this process'),
  MCLD_S3_ENDPOINT: z.url().optional().describe('of an S3 store; absent: files under MCLD_HOME'),
  MCLD_S3_BUCKET: z.string().default('mcld'),
  MCLD_S3_ACCESS_KEY: z.string().optional(),
  MCLD_S3_SECRET_KEY: z.string().optional(),
  MCLD_DEVICE: z.enum(['auto', 'cpu', 'gpu']).default('auto'),
  MCLD_TRAINERS: z.coerce
    .number()
    .int()
    .min(1)
    .max(64)
    .default(1)
    .describe('runs that a trainer works on at once, each in a compute thread of its own'),
  MCLD_DISTILLER_DIR: z
    .string()
    .default('')
    .describe("folder of the users' own distillers; they are code that the trainer runs. Empty: none"),
  MCLD_TEACHER_BATCH: z.coerce
    .number()
    .int()
    .min(1)
    .max(4096)
    .default(64)
    .describe("rows of the teacher's fixed compute batch"),
  MCLD_TEACHER_PEERS: z
    .string()
    .default('')
    .describe('addresses of all replicas of the teacher, commas between: each view is computed by one of them'),
  MCLD_TEACHER_SELF: z.string().default('').describe('which of MCLD_TEACHER_PEERS this one is'),
  MCLD_TEACHER_ENDPOINTS: z
    .string()
    .default('')
    .describe('Open Inference Protocol servers (host:port, commas between) that recipes may take a teacher from'),
  MCLD_LOGIT_STORE_MB: z.coerce
    .number()
    .int()
    .min(1)
    .default(20_480)
    .describe("most disk for stored logits; the teachers' used longest ago go first"),
  MCLD_TOKEN: z.string().min(16).optional().describe('bearer token that every call must carry'),
  MCLD_TLS_CERT: z.string().optional().describe('PEM file; with MCLD_TLS_KEY: serve TLS'),
  MCLD_TLS_KEY: z.string().optional(),
  MCLD_TLS_CA: z.string().optional().describe("PEM file; clients trust it, servers ask for clients' certificates"),
  MCLD_WAIT_SECONDS: z.coerce
    .number()
    .positive()
    .default(10)
    .describe('how long a stage of a run may wait for another service before it says for what'),
  MCLD_LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
});

export type Config = z.output<typeof configSchema>;

/** Thrown for settings that cannot be used; a line for each. */
export class ConfigError extends McldError {
  static override readonly meaning = { status: 'INVALID_ARGUMENT', reason: 'INVALID_SETTING' } as const;
}

/** @throws ConfigError naming each variable, what it holds and what would be right */
export function readConfig(environment: Readonly<Record<string, string | undefined>> = process.env): Config {
  const result = configSchema.safeParse(environment, { reportInput: true });
  if (!result.success) {
    throw new ConfigError(result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n'));
  }
  const config = result.data;
  if ((config.MCLD_TLS_CERT === undefined) !== (config.MCLD_TLS_KEY === undefined)) {
    throw new ConfigError('MCLD_TLS_CERT and MCLD_TLS_KEY go together');
  }
  s3Access(config);
  const peers = config.MCLD_TEACHER_PEERS.split(',');
  if (config.MCLD_TEACHER_PEERS !== '' && !peers.includes(config.MCLD_TEACHER_SELF)) {
    throw new ConfigError(`MCLD_TEACHER_SELF: '${config.MCLD_TEACHER_SELF}' is not among MCLD_TEACHER_PEERS`);
  }
  return config;
}

/**
 * The S3 store that settings name, undefined where they name none.
 * @throws ConfigError where they have no keys to it
 */
export function s3Access(config: Config): S3Access | undefined {
  const { MCLD_S3_ENDPOINT: endpoint, MCLD_S3_ACCESS_KEY: accessKey, MCLD_S3_SECRET_KEY: secretKey } = config;
  if (!endpoint) return undefined;
  if (!accessKey || !secretKey) {
    throw new ConfigError('MCLD_S3_ENDPOINT needs MCLD_S3_ACCESS_KEY and MCLD_S3_SECRET_KEY');
  }
  return { endpoint, accessKey, secretKey };
}
