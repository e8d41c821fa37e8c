import { HealthDefinition } from 'nice-grpc-server-health';
import { openClient } from './client.js';
import { RemoteError } from './remote-error.js';

/** `silent`: somebody listens, but says nothing, as a process does that was stopped. */
export type Answer = 'answers' | 'absent' | 'silent';

/** Whether a server is there, by its health check. @param address `unix:///path` */
export async function answerOf(address: string, timeoutMs: number): Promise<Answer> {
  const { client, close } = openClient(HealthDefinition, address, {});
  try {
    await client.check({ service: '' }, { deadline: timeoutMs });
    return 'answers';
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
    if (error.status === 'DEADLINE_EXCEEDED') return 'silent';
    return error.status === 'UNAVAILABLE' ? 'absent' : 'answers';
  } finally {
    close();
  }
}
