import type { Config } from '@mcld/platform/config.js';
import { type Answer, answerOf } from '@mcld/platform/grpc/answering.js';
import type { WaitName } from '@mcld/platform/waits/wait.js';
import { waitText } from '@mcld/platform/waits/wait-text.js';
import type { Diagnosis } from '@mcld/platform/waits/wait-watch.js';
import { waitOfWire } from '@mcld/platform/waits/wait-wire.js';
import type { TeacherClient } from './clients.js';

/** How long a service may take to answer before it counts as silent, in ms. */
const ANSWER_MS = 1000;

/** What waits for the check of a run's data and teacher by both of their services. */
export const BOTH_SERVICES = 'data loader and the teacher';

/** Finds out about the services that feeds come from. */
export class FeedDiagnosis {
  readonly #addresses: Readonly<Record<string, string>>;

  constructor(
    readonly config: Config,
    readonly teacher: Pick<TeacherClient, 'describeTeacher'>,
  ) {
    this.#addresses = { 'data loader': config.MCLD_DATA_LOADER, teacher: config.MCLD_TEACHER_INFERENCE };
  }

  /**
   * Whether the service that is waited for answers; and of a teacher that does, what it waits for itself.
   * @param teacherDigest empty: without a teacher
   * @returns nothing of what is not a service of its own, as the compute thread
   */
  async of({ service }: WaitName, teacherDigest: string): Promise<Diagnosis> {
    if (service === BOTH_SERVICES) return this.#ofBoth(teacherDigest);
    const address = this.#addresses[service];
    if (address === undefined) return {};
    const answer = await this.#answer(address);
    const because = service === 'teacher' && answer === 'answers' ? await this.#becauseOf(teacherDigest) : undefined;
    return { address, answer, ...(because && { because }) };
  }

  /** The first of both that does not answer, or waits itself. */
  async #ofBoth(teacherDigest: string): Promise<Diagnosis> {
    for (const service of Object.keys(this.#addresses)) {
      if (service === 'teacher' && !teacherDigest) continue;
      const diagnosis = await this.of({ service, what: '' }, teacherDigest);
      if (diagnosis.answer === 'answers' && !diagnosis.because) continue;
      return { because: waitText({ service, what: 'a check', retries: 0, ...diagnosis }) };
    }
    return { answer: 'answers' };
  }

  #answer(address: string): Promise<Answer> {
    return answerOf(address, ANSWER_MS, this.config);
  }

  async #becauseOf(teacherDigest: string): Promise<string | undefined> {
    const described = await this.teacher
      .describeTeacher({ teacherDigest }, { deadline: ANSWER_MS })
      .catch(() => undefined);
    const [first] = described?.waiting ?? [];
    return first && waitText(waitOfWire(first));
  }
}
