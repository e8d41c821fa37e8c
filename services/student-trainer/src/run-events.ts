import { type EventArguments, type EventBus, runEvent } from '@mcld/platform/bus/events.js';
import type { RunId } from '@mcld/platform/ids.js';

/** Tells what happens to one run, as its trainer. */
export class RunEvents {
  constructor(
    readonly events: EventBus,
    readonly run: RunId,
  ) {}

  publish(...[kind, id, data]: EventArguments): Promise<void> {
    return this.events.publish(runEvent(this.run, kind, id, data, 'student-trainer'));
  }
}
