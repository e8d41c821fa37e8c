import { constants } from 'node:buffer';
import { McldError } from '@mcld/errors/mcld-error.js';
import { shown } from '@mcld/errors/text.js';

/** Thrown for a pickle that is damaged, or that asks for anything but plain data. */
export class PickleError extends McldError {
  static override readonly meaning = { status: 'INVALID_ARGUMENT', reason: 'INVALID_PICKLE' } as const;
}

/** A global that a pickle names, as `module.name`. Nothing is ever imported or called. */
export class PickledGlobal {
  constructor(readonly name: string) {}
}

/** What stands for an object: the global that was called, and with what. Nothing came of it. */
export class PickledObject {
  constructor(
    readonly type: string,
    readonly args: readonly unknown[],
  ) {}

  /** The state that a pickle gives an object after it was made (BUILD); plain objects forget it. */
  setState(_state: unknown): void {}
}

/** What a call of a global is read as: the caller's own function; undefined: a `PickledObject`. */
export type Reduction = ((args: readonly unknown[]) => unknown) | undefined;

export interface UnpicklerOptions {
  /** Globals that are understood. @throws PickleError by name for any other */
  readonly globals: ReadonlyMap<string, Reduction>;
  /** Strings of Python 2, as in `pickle.load`'s `encoding`; `bytes` gives views of the pickle. */
  readonly encoding: 'utf-8' | 'bytes';
  /** What to do about a global that is refused: a sentence. */
  advice(global: string): string;
  /** What a persistent id means; absent: there are none. */
  persistent?(id: unknown): unknown;
}

const MARK = Symbol('mark');
const LONGEST_INTEGER = 1024;

/**
 * Reads a pickle of protocol 2 to 5 without executing it: a machine of the opcodes that data needs, in
 * which a global is a name and a call is looked up in a table. Dicts are Maps, lists and tuples arrays,
 * sets Sets, bytes views of the pickle. Time and memory are bounded by the pickle's length, since nothing is copied.
 * @throws PickleError naming the opcode or the global, and the byte where it stands
 */
export function unpickle(bytes: Uint8Array, options: UnpicklerOptions): unknown {
  return unpickleAt(bytes, 0, options).value;
}

/** Reads one of several pickles that lie one after the other. @returns also where it ends */
export function unpickleAt(
  bytes: Uint8Array,
  from: number,
  options: UnpicklerOptions,
): { readonly value: unknown; readonly end: number } {
  return new Unpickler(bytes, from, options).run();
}

// Python writes lone surrogates as if they were characters; they are replaced rather than refused.
const text = new TextDecoder('utf-8', { ignoreBOM: true });

class Unpickler {
  readonly #view: DataView;
  readonly #stack: unknown[] = [];
  readonly #memo = new Map<number, unknown>();
  #at: number;

  constructor(
    readonly bytes: Uint8Array,
    from: number,
    readonly options: UnpicklerOptions,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = from;
  }

  run(): { value: unknown; end: number } {
    if (this.bytes[this.#at] !== 0x80) {
      this.#fail('no pickle of protocol 2 or later (in Python: pickle.dump(x, file, protocol=2))');
    }
    for (;;) {
      const opcode = this.#byte();
      if (opcode === 0x2e) return { value: this.#pop(), end: this.#at }; // STOP
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

  #bytes(length: number): Uint8Array {
    const from = this.#take(length);
    return this.bytes.subarray(from, from + length);
  }

  #text(length: number): string {
    const bytes = this.#bytes(length);
    return length > constants.MAX_STRING_LENGTH ? this.#fail(`a text of ${length} bytes`) : text.decode(bytes);
  }

  #string(length: number): string | Uint8Array {
    return this.options.encoding === 'bytes' ? this.#bytes(length) : this.#text(length);
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
    if (this.#stack.length === 0) this.#fail('an empty stack');
    return this.#stack.at(-1);
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
    // Protocol 2 calls Python's own module by the name that it had in Python 2.
    const full = `${module === '__builtin__' ? 'builtins' : module}.${name}`;
    if (!this.options.globals.has(full)) {
      const refused = `the pickle wants ${shown(full)} (at byte ${this.#at} of ${this.bytes.length}): refused`;
      throw new PickleError(`${refused}. ${this.options.advice(full)}`);
    }
    this.#stack.push(new PickledGlobal(full));
  }

  /** A call: the callable is looked up, never executed. */
  #call(): void {
    const args = this.#pop();
    const callable = this.#pop();
    if (!(callable instanceof PickledGlobal)) this.#fail(`a call of a ${typeof callable}: refused`);
    if (!Array.isArray(args)) this.#fail('a call without a tuple of arguments');
    const { name } = callable;
    const reduction = this.options.globals.get(name);
    this.#stack.push(reduction ? reduction(args) : new PickledObject(name, args));
  }

  #append(items: readonly unknown[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) this.#fail('items for something that is not a list');
    for (const item of items) list.push(item);
  }

  #add(items: readonly unknown[]): void {
    const set = this.#top();
    if (!(set instanceof Set)) this.#fail('items for something that is not a set');
    for (const item of items) set.add(item);
  }

  #setItems(items: readonly unknown[]): void {
    const target = this.#top();
    if (!(target instanceof Map) || items.length % 2 === 1) this.#fail('items for something that is not a dict');
    for (let i = 0; i < items.length; i += 2) target.set(items[i], items[i + 1]);
  }

  /** State of an object: the attributes of an OrderedDict (`_metadata`) say nothing about its items. */
  #build(): void {
    const state = this.#pop();
    const target = this.#top();
    if (target instanceof PickledObject) target.setState(state);
    else if (!(target instanceof Map)) this.#fail('state for something that takes none');
  }

  #long(length: number): number | bigint {
    // A number of n bytes takes n² steps.
    if (length > LONGEST_INTEGER) this.#fail(`an integer of ${length} bytes`);
    const digits = this.#bytes(length);
    let value = digits.reduceRight((sum, digit) => (sum << 8n) | BigInt(digit), 0n);
    if ((digits.at(-1) ?? 0) >= 0x80) value -= 1n << BigInt(8 * length);
    return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
  }

  #tuple(count: number): void {
    const items = Array.from({ length: count }, () => this.#pop());
    this.#stack.push(items.reverse());
  }

  #execute(opcode: number): void {
    const action = Unpickler.#actions[String.fromCharCode(opcode)];
    if (!action) this.#fail(`the opcode 0x${opcode.toString(16)}, which no data needs: refused`);
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
    '\x8f': (m) => m.#stack.push(new Set()), // EMPTY_SET
    t: (m) => m.#stack.push(m.#sinceMark()),
    l: (m) => m.#stack.push(m.#sinceMark()),
    '\x85': (m) => m.#tuple(1),
    '\x86': (m) => m.#tuple(2),
    '\x87': (m) => m.#tuple(3),
    '\x91': (m) => m.#stack.push(new Set(m.#sinceMark())), // FROZENSET
    a: (m) => m.#append([m.#pop()]),
    e: (m) => m.#append(m.#sinceMark()),
    '\x90': (m) => m.#add(m.#sinceMark()), // ADDITEMS
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
    '\x8b': (m) => m.#stack.push(m.#long(m.#uint32())), // LONG4
    G: (m) => m.#stack.push(m.#view.getFloat64(m.#take(8), false)),
    X: (m) => m.#stack.push(m.#text(m.#uint32())),
    '\x8c': (m) => m.#stack.push(m.#text(m.#byte())), // SHORT_BINUNICODE
    '\x8d': (m) => m.#stack.push(m.#text(m.#length64())), // BINUNICODE8
    U: (m) => m.#stack.push(m.#string(m.#byte())), // SHORT_BINSTRING
    T: (m) => m.#stack.push(m.#string(m.#uint32())), // BINSTRING
    C: (m) => m.#stack.push(m.#bytes(m.#byte())), // SHORT_BINBYTES
    B: (m) => m.#stack.push(m.#bytes(m.#uint32())), // BINBYTES
    '\x8e': (m) => m.#stack.push(m.#bytes(m.#length64())), // BINBYTES8
    '\x96': (m) => m.#stack.push(m.#bytes(m.#length64())), // BYTEARRAY8
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
    Q: (m) => m.#stack.push(m.options.persistent ? m.options.persistent(m.#pop()) : m.#fail('a persistent id')),
    R: (m) => m.#call(),
    '\x81': (m) => m.#call(), // NEWOBJ: a class in the place of a function
    b: (m) => m.#build(),
  };
}
