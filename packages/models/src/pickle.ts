/** Thrown for a pickle that is damaged, or that asks for anything that is not a tensor's. */
export class PickleError extends Error {
  override readonly name = 'PickleError';
}

/** A global that a pickle names, as `module.name`. Nothing is ever imported or called. */
export class PickledGlobal {
  constructor(readonly name: string) {}
}

/** What a pickle's callables are read as: the caller's own functions, by the global's name. */
export type Reductions = Readonly<Record<string, (args: readonly unknown[]) => unknown>>;

export interface UnpicklerOptions {
  /** Callables that are understood. @throws PickleError by name for any other */
  readonly reductions: Reductions;
  /** Globals that may stand as values. */
  readonly values: ReadonlySet<string>;
  /** What a persistent id means. */
  persistent(id: unknown): unknown;
}

const MARK = Symbol('mark');

/**
 * Reads a pickle of protocol 2 to 5 without executing it: a machine of the opcodes that data needs, in
 * which a global is a name and a call is looked up in a table. Time and memory are bounded by the
 * pickle's length, since nothing is copied.
 * @throws PickleError naming the opcode or the global, and the byte where it stands
 */
export function unpickle(bytes: Uint8Array, options: UnpicklerOptions): unknown {
  return new Unpickler(bytes, options).run();
}

const text = new TextDecoder('utf-8', { fatal: true });

class Unpickler {
  readonly #view: DataView;
  readonly #stack: unknown[] = [];
  readonly #memo = new Map<number, unknown>();
  #at = 0;

  constructor(
    readonly bytes: Uint8Array,
    readonly options: UnpicklerOptions,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): unknown {
    for (;;) {
      const opcode = this.#byte();
      if (opcode === 0x2e) return this.#pop(); // STOP
      this.#execute(opcode);
    }
  }

  #fail(message: string): never {
    throw new PickleError(`${message}, at byte ${this.#at} of ${this.bytes.length}`);
  }

  #take(count: number): number {
    const from = this.#at;
    if (count > this.bytes.length - from) this.#fail(`${count} bytes are wanted past the pickle's end`);
    this.#at += count;
    return from;
  }

  #byte(): number {
    return this.#view.getUint8(this.#take(1));
  }

  #uint32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  #length64(): number {
    const length = this.#view.getBigUint64(this.#take(8), true);
    return length > BigInt(this.bytes.length) ? this.#fail(`a length of ${length}`) : Number(length);
  }

  #text(length: number): string {
    const from = this.#take(length);
    try {
      return text.decode(this.bytes.subarray(from, from + length));
    } catch {
      return this.#fail('text that is not UTF-8');
    }
  }

  #line(): string {
    const end = this.bytes.indexOf(0x0a, this.#at);
    if (end < 0) this.#fail('a line without an end');
    const line = this.#text(end - this.#at);
    this.#at++;
    return line;
  }

  #pop(): unknown {
    if (this.#stack.length === 0) this.#fail('an empty stack');
    const value = this.#stack.pop();
    return value === MARK ? this.#fail('a mark in the place of a value') : value;
  }

  #top(): unknown {
    return this.#stack.at(-1) ?? this.#fail('an empty stack');
  }

  /** What lies above the last mark. */
  #sinceMark(): unknown[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark < 0) this.#fail('no mark');
    const items = this.#stack.splice(mark);
    return items.slice(1);
  }

  #memoise(place: number): void {
    this.#memo.set(place, this.#top());
  }

  #recall(place: number): void {
    if (!this.#memo.has(place)) this.#fail(`nothing was kept under ${place}`);
    this.#stack.push(this.#memo.get(place));
  }

  #global(module: unknown, name: unknown): void {
    if (typeof module !== 'string' || typeof name !== 'string') this.#fail('a global without a name');
    const full = `${module}.${name}`;
    const { reductions, values } = this.options;
    if (!Object.hasOwn(reductions, full) && !values.has(full)) {
      this.#fail(`the pickle wants ${full}, which no tensor needs: refused`);
    }
    this.#stack.push(new PickledGlobal(full));
  }

  /** A call: the callable is looked up, never executed. */
  #reduce(): void {
    const args = this.#pop();
    const callable = this.#pop();
    const known = callable instanceof PickledGlobal && Object.hasOwn(this.options.reductions, callable.name);
    if (!known) this.#fail(`a call of ${callable instanceof PickledGlobal ? callable.name : typeof callable}: refused`);
    if (!Array.isArray(args)) this.#fail('a call without a tuple of arguments');
    this.#stack.push(this.options.reductions[(callable as PickledGlobal).name]?.(args));
  }

  #append(items: readonly unknown[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) this.#fail('items for something that is no list');
    for (const item of items) list.push(item);
  }

  #setItems(items: readonly unknown[]): void {
    const target = this.#top();
    if (!(target instanceof Map) || items.length % 2 === 1) this.#fail('items for something that is no dict');
    for (let i = 0; i < items.length; i += 2) target.set(items[i], items[i + 1]);
  }

  /** State of an object: the attributes of an OrderedDict (`_metadata`) say nothing about tensors. */
  #build(): void {
    this.#pop();
    if (!(this.#top() instanceof Map)) this.#fail('state for something that is no dict');
  }

  #long(length: number): number | bigint {
    const from = this.#take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.bytes[from + i] as number);
    if (length > 0 && (this.bytes[from + length - 1] as number) >= 0x80) value -= 1n << BigInt(8 * length);
    return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
  }

  #tuple(count: number): void {
    const items = Array.from({ length: count }, () => this.#pop());
    this.#stack.push(items.reverse());
  }

  #execute(opcode: number): void {
    const action = Unpickler.#actions[String.fromCharCode(opcode)];
    if (!action) this.#fail(`the opcode 0x${opcode.toString(16)}, which no tensor needs: refused`);
    action(this);
  }

  /** What each opcode does; see Python's pickletools. */
  static readonly #actions: Readonly<Record<string, (m: Unpickler) => unknown>> = {
    '\x80': (m) => (m.#byte() > 5 ? m.#fail('a protocol past 5') : undefined), // PROTO
    '\x95': (m) => m.#take(8), // FRAME
    // Containers
    '(': (m) => m.#stack.push(MARK),
    ')': (m) => m.#stack.push([]),
    ']': (m) => m.#stack.push([]),
    '}': (m) => m.#stack.push(new Map()),
    t: (m) => m.#stack.push(m.#sinceMark()),
    l: (m) => m.#stack.push(m.#sinceMark()),
    '\x85': (m) => m.#tuple(1),
    '\x86': (m) => m.#tuple(2),
    '\x87': (m) => m.#tuple(3),
    a: (m) => m.#append([m.#pop()]),
    e: (m) => m.#append(m.#sinceMark()),
    s: (m) => {
      const value = m.#pop();
      m.#setItems([m.#pop(), value]);
    },
    u: (m) => m.#setItems(m.#sinceMark()),
    // Plain values
    N: (m) => m.#stack.push(null),
    '\x88': (m) => m.#stack.push(true),
    '\x89': (m) => m.#stack.push(false),
    K: (m) => m.#stack.push(m.#byte()),
    M: (m) => m.#stack.push(m.#view.getUint16(m.#take(2), true)),
    J: (m) => m.#stack.push(m.#view.getInt32(m.#take(4), true)),
    '\x8a': (m) => m.#stack.push(m.#long(m.#byte())), // LONG1
    G: (m) => m.#stack.push(m.#view.getFloat64(m.#take(8), false)),
    X: (m) => m.#stack.push(m.#text(m.#uint32())),
    '\x8c': (m) => m.#stack.push(m.#text(m.#byte())), // SHORT_BINUNICODE
    '\x8d': (m) => m.#stack.push(m.#text(m.#length64())), // BINUNICODE8
    // The memo
    q: (m) => m.#memoise(m.#byte()),
    r: (m) => m.#memoise(m.#uint32()),
    '\x94': (m) => m.#memoise(m.#memo.size), // MEMOIZE
    h: (m) => m.#recall(m.#byte()),
    j: (m) => m.#recall(m.#uint32()),
    // Names and calls
    c: (m) => m.#global(m.#line(), m.#line()),
    '\x93': (m) => {
      const name = m.#pop();
      m.#global(m.#pop(), name);
    }, // STACK_GLOBAL
    Q: (m) => m.#stack.push(m.options.persistent(m.#pop())),
    R: (m) => m.#reduce(),
    b: (m) => m.#build(),
  };
}
