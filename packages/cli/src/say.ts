/** A line for the person at the terminal; results go to standard output. */
export const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};
