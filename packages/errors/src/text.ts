import { codeOf } from './code.js';

const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/**
 * Text from outside, no longer than a message can carry: cut between characters, where an ellipsis says so.
 * @param most code points that are kept
 * @param keep 'ends': the middle is left out, as of a long path
 */
export function clipped(text: string, most = 300, keep: 'start' | 'ends' = 'start'): string {
  // A string is at least as long as it has code points.
  if (text.length <= most) return text;
  const characters = Array.from(text);
  if (characters.length <= most) return text;
  const end = keep === 'ends' ? Math.floor(most / 2) : 0;
  const start = characters.slice(0, most - end).join('');
  return `${start}…${end > 0 ? characters.slice(-end).join('') : ''}`;
}

/**
 * Text from outside as a message may hold it: on one line, without control characters.
 * @param most code points that are kept
 */
export const shown = (text: string, most = 100): string => clipped(text, most).replace(UNPRINTABLE, '\ufffd');

/** The first few of a list, and how many more there are. */
export function listed(items: readonly string[], most = 5): string {
  const more = items.length > most ? ` and ${items.length - most} more` : '';
  return items.slice(0, most).join(', ') + more;
}

/**
 * The message of anything that was thrown; its code where it has none, as of a connection that every address refused.
 */
export const messageOf = (thrown: unknown): string =>
  (thrown instanceof Error && (thrown.message || codeOf(thrown))) || String(thrown);
