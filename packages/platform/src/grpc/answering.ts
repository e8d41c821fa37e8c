import { HealthDefinition } from 'nice-grpc-server-health';
import { openClient, type Security } from './client.js';
import { RemoteError } from './remote-error.js';

/** `silent`: somebody listens, but says nothing, as a process does that was stopped. */
export type Answer = 'answers' | 'absent' | 'silent';

/**
 * Whether a server is there, by its health check, for which no token is needed.
 * @param address as `openClient`
 * @param security of a server that has TLS
 */
export async function answerOf(address: string, timeoutMs: number, security: Security = {}): Promise<Answer> {
  const { client, close } = openClient(HealthDefinition, address, security);
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
