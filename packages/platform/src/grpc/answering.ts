import { ClientError, Status } from 'nice-grpc-common';
import { HealthDefinition } from 'nice-grpc-server-health';
import { openClient } from './client.js';

/** `silent`: somebody listens, but says nothing, as a process does that was stopped. */
export type Answer = 'answers' | 'absent' | 'silent';

/** Whether a server is there, by its health check. @param address `unix:///path` */
export async function answerOf(address: string, timeoutMs: number): Promise<Answer> {
  const { client, close } = openClient(HealthDefinition, address, {});
  try {
    await client.check({ service: '' }, { deadline: timeoutMs });
    return 'answers';
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    if (error.code === Status.DEADLINE_EXCEEDED) return 'silent';
    return error.code === Status.UNAVAILABLE ? 'absent' : 'answers';
  } finally {
    close();
  }
}
