import { asTeacherDigest, type TeacherDigest } from '@mcld/platform/ids.js';
import { Teacher, type TeacherParts } from './teacher.js';

/** Teachers kept loaded at once. */
const SHELF = 4;

/** Loads teachers on demand and keeps the last used. */
export class TeacherShelf {
  readonly #loaded = new Map<TeacherDigest, Promise<Teacher>>();

  constructor(readonly parts: TeacherParts) {}

  async get(text: string): Promise<Teacher> {
    const digest = asTeacherDigest(text);
    const teacher = this.#loaded.get(digest) ?? Teacher.load(digest, this.parts);
    this.#loaded.delete(digest);
    this.#loaded.set(digest, teacher);
    teacher.catch(() => this.#loaded.delete(digest));
    for (const [oldest, loading] of this.#loaded) {
      if (this.#loaded.size <= SHELF) break;
      this.#loaded.delete(oldest);
      // One that failed to load has nothing to unload, and fails its own callers only.
      await loading.then(
        (teacher) => teacher.close(),
        () => {},
      );
    }
    return teacher;
  }

  async close(): Promise<void> {
    for (const teacher of this.#loaded.values()) {
      await teacher.then(
        (loaded) => loaded.close(),
        () => {},
      );
    }
  }
}
