import { asTeacherDigest } from '@mcld/platform/ids.js';
import { type Lease, LeasePool } from './leases.js';
import { Teacher, type TeacherParts } from './teacher.js';

/** Teachers kept loaded although nobody uses them. */
const IDLE = 4;

/** Loads teachers on demand; those in use stay loaded, and the last used of the others. */
export class TeacherPool {
  readonly #teachers: LeasePool<Teacher>;

  constructor(readonly parts: TeacherParts) {
    this.#teachers = new LeasePool({
      idle: IDLE,
      open: (digest) => Teacher.load(asTeacherDigest(digest), parts),
      close: (teacher) => teacher.close(),
      onCloseError: (error) => parts.logger.warn({ err: error }, 'cannot unload a teacher'),
    });
  }

  /** @throws NotFoundError when it is not in the object store, ForeignModelError when it cannot teach */
  lease(digest: string): Promise<Lease<Teacher>> {
    return this.#teachers.lease(asTeacherDigest(digest));
  }

  close(): Promise<void> {
    return this.#teachers.close();
  }
}
