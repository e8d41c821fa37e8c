import { type EmbeddedOptions, type EmbeddedPipeline, startEmbedded } from '@mcld/cli/embedded.js';
import { GRPCInferenceServiceDefinition } from '@mcld/contracts/inference/grpc_predict_v2.js';
import { DataLoaderServiceDefinition } from '@mcld/contracts/mcld/v1/data_loader.js';
import { TeacherInferenceServiceDefinition } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import { readConfig } from '@mcld/platform/config.js';
import { openClient } from '@mcld/platform/grpc/client.js';
import { afterAll, beforeAll } from 'vitest';
import type { Place } from './place.js';
import { pipelineAt } from './runs.js';

/** Opens a client of each service that tests speak to; channels connect when they are used. */
function clientsOf({ endpoint, addresses }: EmbeddedPipeline) {
  const config = readConfig({});
  return {
    control: pipelineAt(endpoint),
    loader: openClient(DataLoaderServiceDefinition, addresses['data-loader'], config),
    teachers: openClient(TeacherInferenceServiceDefinition, addresses['teacher-inference'], config),
    inference: openClient(GRPCInferenceServiceDefinition, addresses['teacher-inference'], config),
  };
}

/** A pipeline in this process, and clients of its services. */
export class TestPipeline {
  #started: { readonly embedded: EmbeddedPipeline; readonly clients: ReturnType<typeof clientsOf> } | undefined;

  static async start(options: EmbeddedOptions): Promise<TestPipeline> {
    const pipeline = new TestPipeline();
    await pipeline.start(options);
    return pipeline;
  }

  async start(options: EmbeddedOptions): Promise<void> {
    const embedded = await startEmbedded(options);
    this.#started = { embedded, clients: clientsOf(embedded) };
  }

  async close(): Promise<void> {
    if (!this.#started) return;
    for (const { close } of Object.values(this.#started.clients)) close();
    await this.#started.embedded.close();
  }

  get #running() {
    if (!this.#started) throw new Error('the pipeline is started in beforeAll');
    return this.#started;
  }

  /** Of the pipeline service: runs, teachers, reports. */
  get client() {
    return this.#running.clients.control.client;
  }

  get loader() {
    return this.#running.clients.loader.client;
  }

  get teachers() {
    return this.#running.clients.teachers.client;
  }

  /** Of the teacher service too, as the Open Inference Protocol has it. */
  get inference() {
    return this.#running.clients.inference.client;
  }

  /** Where the pipeline service answers. */
  get endpoint(): string {
    return this.#running.embedded.endpoint;
  }

  get home(): string {
    return this.#running.embedded.home;
  }

  get addresses(): EmbeddedPipeline['addresses'] {
    return this.#running.embedded.addresses;
  }
}

/**
 * A pipeline for the tests of a file or a `describe`, with its home in the place.
 * @param options asked for in beforeAll
 */
export function usePipeline(place: Place, options: () => Omit<EmbeddedOptions, 'home'> = () => ({})): TestPipeline {
  const pipeline = new TestPipeline();
  beforeAll(() => pipeline.start({ home: place.at('home'), ...options() }));
  afterAll(() => pipeline.close());
  return pipeline;
}
