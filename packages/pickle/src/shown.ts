const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** Text from outside as a message may hold it: on one line, without control characters, at most `most` long. */
export function shown(text: string, most = 100): string {
  const cut = text.length > most ? `${text.slice(0, most)}…` : text;
  return cut.replace(UNPRINTABLE, '\ufffd');
}

/** The first few of a list, and how many more there are. */
export function listed(items: readonly string[], most = 5): string {
  const more = items.length > most ? ` and ${items.length - most} more` : '';
  return items.slice(0, most).join(', ') + more;
}
