import { JetStreamApiError } from '@nats-io/jetstream';
import { type KV, Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import type { RunId } from '../ids.js';
import { jsonText } from '../json.js';
import type { RunRecord } from './run-record.js';
import { newestFirst, RevisionConflictError, type RunStore, type Versioned } from './run-store.js';

const WRONG_LAST_SEQUENCE = 10071;

/** Records in the JetStream KV bucket `mcld_runs`. */
export class NatsRunStore implements RunStore {
  private constructor(readonly bucket: KV) {}

  static async open(connection: NatsConnection): Promise<NatsRunStore> {
    return new NatsRunStore(await new Kvm(connection).create('mcld_runs', { history: 1 }));
  }

  async get(id: RunId): Promise<Versioned | undefined> {
    const entry = await this.bucket.get(id);
    if (entry?.operation !== 'PUT') return undefined;
    return { record: entry.json<RunRecord>(), revision: entry.revision };
  }

  async create(record: RunRecord): Promise<void> {
    await conflictAware(record.id, () => this.bucket.create(record.id, jsonText(record)));
  }

  async update(record: RunRecord, revision: number): Promise<void> {
    await conflictAware(record.id, () => this.bucket.update(record.id, jsonText(record), revision));
  }

  async list(): Promise<RunRecord[]> {
    const ids: string[] = [];
    for await (const id of await this.bucket.keys()) ids.push(id);
    const found = await Promise.all(ids.map((id) => this.get(id as RunId)));
    return found.flatMap((entry) => (entry ? [entry.record] : [])).sort(newestFirst);
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
