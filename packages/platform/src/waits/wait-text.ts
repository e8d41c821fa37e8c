import type { Wait } from './wait.js';

const answers = {
  answers: 'which answers its health check',
  silent: 'which does not answer: its process hangs, or was stopped',
  absent: 'which cannot be reached',
} as const;

/** A wait in words: `for the data loader (batches), which cannot be reached; 3 retries, the last error: …`. */
export function waitText({ service, what, address, answer, because, retries, lastError }: Omit<Wait, 'since'>): string {
  // A socket's path says nothing that its service's name does not.
  const place = address && !address.startsWith('unix:') ? ` at ${address}` : '';
  const parts = [`for the ${service}${place} (${what})`];
  if (because) parts.push(`which waits ${because}`);
  else if (answer) parts.push(answers[answer]);
  const failures = retries > 0 ? `; ${retries} ${retries === 1 ? 'retry' : 'retries'}` : '';
  return `${parts.join(', ')}${failures}${lastError ? `, the last error: ${lastError.replaceAll('\n', '; ')}` : ''}`;
}
