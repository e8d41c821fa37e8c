import { createHash } from 'node:crypto';
import type { Adapters } from '@mcld/platform/adapters.js';
import { type EventArguments, runEvent } from '@mcld/platform/bus/events.js';
import { DocumentError } from '@mcld/platform/documents.js';
import { NotFoundError, RequestError, StateError } from '@mcld/platform/grpc/errors.js';
import { asRunId, type RunId } from '@mcld/platform/ids.js';
import { runPrefix, specKey } from '@mcld/platform/object-keys.js';
import { hasEnded, NO_WAITS, type RunRecord, type RunState } from '@mcld/platform/runs/run-record.js';
import { changeRun, RevisionConflictError } from '@mcld/platform/runs/run-store.js';
import { putJson } from '@mcld/platform/storage/object-store.js';
import { carryContext } from '@mcld/platform/telemetry.js';
import { refusalOf } from '@mcld/preflight/refusal.js';
import { parseRecipe } from '@mcld/recipe/parse.js';
import type { Recipe } from '@mcld/recipe/schema.js';
import type { RunCheck } from './run-check.js';
import { resolveTeacher, type TeacherParts } from './teachers.js';

/** The life of runs, as the control plane directs it. */
export class Runs {
  /**
   * @param embedded whether all services live in this process
   * @param check tries what a new run will need
   */
  constructor(
    readonly adapters: Adapters<Recipe>,
    readonly teachers: TeacherParts['teachers'],
    readonly embedded: boolean,
    readonly check: RunCheck,
  ) {}

  /**
   * Idempotent by request id: the id of the run follows from it.
   * @throws RecipeError, RefusedError; and where its teacher cannot be found, as `resolveTeacher`
   */
  async create(requestId: string, value: unknown): Promise<RunRecord<Recipe>> {
    if (!/^[\w.-]{1,128}$/.test(requestId)) {
      throw new RequestError('request_id: expected 1 to 128 letters, digits, _ . and -');
    }
    const recipe = parseRecipe(value);
    const suffix = createHash('sha256').update(requestId).digest('hex').slice(0, 10);
    const id = asRunId(`${recipe.name.replaceAll('.', '-').slice(0, 60)}-${suffix}`);
    const existing = (await this.adapters.runs.get(id))?.record;
    // A retry whose first try died between record and message sends the message again; the queue drops a second.
    if (existing) return existing.state === 'queued' ? this.#queue(existing) : existing;
    const teacherDigest = await resolveTeacher(this, recipe).catch((error: unknown) => {
      throw refusalOf(error, 'teacher');
    });
    await this.check(recipe, teacherDigest);
    const now = new Date().toISOString();
    const record: RunRecord<Recipe> = {
      id,
      name: recipe.name,
      requestId,
      state: 'queued',
      recipe,
      createdAt: now,
      updatedAt: now,
      step: 0,
      totalSteps: 0,
      attempt: 0,
      submissions: 1,
      error: '',
      teacherDigest,
      trace: carryContext(),
    };
    await putJson(this.adapters.objects, specKey(id), recipe);
    try {
      await this.adapters.runs.create(record);
    } catch (error) {
      if (error instanceof RevisionConflictError) return this.get(id);
      throw error;
    }
    await this.#emit(record, 'created', 'once', { name: record.name, recipe });
    return this.#queue(record);
  }

  async #queue(record: RunRecord<Recipe>): Promise<RunRecord<Recipe>> {
    await this.adapters.work.enqueue('train', { run: record.id }, `${record.id}.${record.submissions}`);
    return record;
  }

  /** @throws NotFoundError, DocumentError */
  async get(id: RunId): Promise<RunRecord<Recipe>> {
    const stored = await this.adapters.runs.get(id);
    if (!stored) throw new NotFoundError(`no run ${id}`);
    return stored.record;
  }

  /** The trainer sees the state at its next look, within a second, and stops. */
  async cancel(id: RunId): Promise<RunRecord<Recipe>> {
    const record = await changeRun(this.adapters.runs, id, (current) =>
      hasEnded(current.state) ? undefined : { ...current, state: 'cancelled', ...NO_WAITS },
    );
    if (!record) throw new NotFoundError(`no run ${id}`);
    if (record.state !== 'cancelled') throw new StateError(`run ${id} has ${record.state} already`);
    await this.#emit(record, 'cancelled', String(record.submissions), {});
    return record;
  }

  async resume(id: RunId): Promise<RunRecord<Recipe>> {
    let resumed = false;
    const record = await changeRun(this.adapters.runs, id, (current) => {
      resumed = ['interrupted', 'failed', 'cancelled'].includes(current.state);
      if (!resumed) return undefined;
      return { ...current, state: 'queued', error: '', submissions: current.submissions + 1, ...NO_WAITS };
    });
    if (!record) throw new NotFoundError(`no run ${id}`);
    if (!resumed) {
      const why = record.state === 'succeeded' ? 'there is nothing left to do' : 'it goes on by itself';
      throw new StateError(`run ${id} is ${record.state}: ${why}`);
    }
    return this.#queue(record);
  }

  async delete(id: RunId): Promise<void> {
    const state = await this.#stateOf(id);
    if (state && !hasEnded(state) && state !== 'interrupted') {
      throw new StateError(`run ${id} is ${state}: cancel it first`);
    }
    // The record goes last: a delete that was cut off can be repeated.
    await this.adapters.objects.deleteAll(runPrefix(id));
    await this.adapters.runs.delete(id);
  }

  /** @returns undefined where the record cannot be read: nobody works on such a run, and it can be deleted */
  async #stateOf(id: RunId): Promise<RunState | undefined> {
    try {
      return (await this.get(id)).state;
    } catch (error) {
      if (error instanceof DocumentError) return undefined;
      throw error;
    }
  }

  /** In embedded mode nobody works any more on a run that was under way when the process died. */
  async markInterrupted(): Promise<void> {
    if (!this.embedded) return;
    const { records } = await this.adapters.runs.list();
    for (const { id } of records) {
      await changeRun(this.adapters.runs, id, (record) => {
        const { state, waiting = [] } = record;
        const isAtRest = hasEnded(state) || (state === 'interrupted' && waiting.length === 0);
        return isAtRest ? undefined : { ...record, state: 'interrupted', ...NO_WAITS };
      });
    }
  }

  #emit({ id: run }: RunRecord, ...[kind, id, data]: EventArguments): Promise<void> {
    return this.adapters.events.publish(runEvent(run, kind, id, data, 'pipeline'));
  }
}
