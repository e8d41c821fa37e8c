import type {
  StreamLogitsRequest,
  StreamLogitsResponse,
  TeacherInferenceServiceImplementation,
} from '@mcld/contracts/mcld/v1/teacher_inference.js';
import { chunks } from '@mcld/platform/grpc/chunks.js';
import { RequestError } from '@mcld/platform/grpc/errors.js';
import { streamStepLogits } from './logit-stream.js';
import type { TeacherShelf } from './teacher-shelf.js';

/** The teacher's gRPC handlers. */
export function teacherInferenceService(shelf: TeacherShelf): TeacherInferenceServiceImplementation {
  return {
    async describeTeacher({ teacherDigest }) {
      const { computer, counters } = await shelf.get(teacherDigest);
      const { model, classes, parameters } = computer;
      return { model, classes, parameters, counters };
    },
    streamLogits: (request) => streamLogits(request, shelf),
  };
}

async function* streamLogits(
  { teacherDigest, spec, from, epochs }: StreamLogitsRequest,
  shelf: TeacherShelf,
): AsyncGenerator<Partial<StreamLogitsResponse>> {
  if (!spec) throw new RequestError('spec is missing');
  const teacher = await shelf.get(teacherDigest);
  const source = await teacher.source(spec);
  const plans = teacher.parts.loader.streamPlans({ spec, from, epochs });
  try {
    for await (const { cursor, rows, logits } of streamStepLogits(plans, source)) {
      const bytes = new Uint8Array(logits.buffer);
      for (const piece of chunks(bytes)) {
        const { totalBytes, offset } = piece;
        yield { cursor, rows, classes: teacher.classes, logits: piece.bytes, totalBytes, offset };
      }
    }
  } finally {
    await source.store.save(true);
  }
}
