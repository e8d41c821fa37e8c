import { JetStreamApiError } from '@nats-io/jetstream';
import { type KV, Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { z } from 'zod';
import { parseDocument } from '../documents.js';
import { asRunId, type RunId } from '../ids.js';
import { jsonText } from '../json.js';
import { type ParseRecipe, type RunRecord, readRunRecord } from './run-record.js';
import { listedRuns, RevisionConflictError, type RunList, type RunStore, type Versioned } from './run-store.js';

const BUCKET = 'mcld_runs';

const WRONG_LAST_SEQUENCE = 10071;

/** Records in the JetStream KV bucket `mcld_runs`. */
export class NatsRunStore<R> implements RunStore<R> {
  private constructor(
    readonly bucket: KV,
    readonly parseRecipe: ParseRecipe<R>,
  ) {}

  static async open<R>(connection: NatsConnection, parseRecipe: ParseRecipe<R>): Promise<NatsRunStore<R>> {
    const bucket = await new Kvm(connection).create(BUCKET, { history: 1 });
    return new NatsRunStore(bucket, parseRecipe);
  }

  async get(id: RunId): Promise<Versioned<R> | undefined> {
    const entry = await this.bucket.get(id);
    if (entry?.operation !== 'PUT') return undefined;
    const name = `${BUCKET}/${id}`;
    const value = parseDocument(name, entry.string(), z.unknown());
    return { record: readRunRecord(name, value, this.parseRecipe), revision: entry.revision };
  }

  async create(record: RunRecord<R>): Promise<void> {
    await conflictAware(record.id, () => this.bucket.create(record.id, jsonText(record)));
  }

  async update(record: RunRecord<R>, revision: number): Promise<void> {
    await conflictAware(record.id, () => this.bucket.update(record.id, jsonText(record), revision));
  }

  async list(): Promise<RunList<R>> {
    const ids: RunId[] = [];
    for await (const id of await this.bucket.keys()) ids.push(asRunId(id));
    return listedRuns(this, ids);
  }

  async delete(id: RunId): Promise<void> {
    await this.bucket.purge(id);
  }
}

async function conflictAware(id: RunId, action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === WRONG_LAST_SEQUENCE) {
      throw new RevisionConflictError(`run ${id} changed meanwhile`, { cause: error });
    }
    throw error;
  }
}
