/** The code of an error of Node, a system call or a client library: ENOENT, NoSuchKey. */
export function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
