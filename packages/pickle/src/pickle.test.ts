import { describe, expect, it } from 'vitest';
import { PickledObject, PickleError, type UnpicklerOptions, unpickle, unpickleAt } from './pickle.js';

const options: UnpicklerOptions = {
  globals: new Map([
    ['builtins.set', undefined],
    ['collections.OrderedDict', () => new Map()],
  ]),
  encoding: 'utf-8',
  advice: (global) => `Leave ${global} out`,
};

const read = (hex: string, more: Partial<UnpicklerOptions> = {}) =>
  unpickle(Buffer.from(hex, 'hex'), { ...options, ...more });

describe('a pickle', () => {
  // pickle.dumps of {'a': [1, -1, 300, 70000, 2**40, -2**40, 10**30], 't': ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
  // 'f': 0.5, 'n': None, 'b': [True, False], 's': 'é'}
  it.each([
    [
      2,
      [
        '80027d71002858010000006171015d7102284b014affffffff4d2c014a701101008a060000000000018a060000000000',
        'ff8a0d00000040eaed7446d09c2c9f0c65580100000074710328294b018571044b014b028671054b014b024b03877106',
        '284b014b024b034b047471077471085801000000667109473fe000000000000058010000006e710a4e58010000006271',
        '0b5d710c28888965580100000073710d5802000000c3a9710e752e',
      ].join(''),
    ],
    [
      5,
      [
        '80057d94288c0161945d94284b014affffffff4d2c014a701101008a060000000000018a060000000000ff8a0d000000',
        '40eaed7446d09c2c9f0c658c01749428294b0185944b014b0286944b014b024b038794284b014b024b034b0474947494',
        '8c016694473fe00000000000008c016e944e8c0162945d94288889658c0173948c02c3a994752e',
      ].join(''),
    ],
  ])('of protocol %i gives its plain values', (_protocol, hex) => {
    expect(read(hex)).toEqual(
      new Map<string, unknown>([
        ['a', [1, -1, 300, 70_000, 2 ** 40, -(2 ** 40), 10n ** 30n]],
        ['t', [[], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4]]],
        ['f', 0.5],
        ['n', null],
        ['b', [true, false]],
        ['s', 'é'],
      ]),
    );
  });

  it('gives bytes as views, and sets', () => {
    // pickle.dumps([b'\x00\xff', bytearray(b'ab'), {1}, frozenset([2])], 5)
    const hex = '80055d9428430200ff949602000000000000006162948f94284b0190284b029194652e';
    expect(read(hex)).toEqual([Buffer.from([0, 255]), Buffer.from('ab'), new Set([1]), new Set([2])]);
  });

  it('of Python 2 has strings as text or as bytes', () => {
    // cPickle.dumps(['\xc3\xa9'], 2)
    expect(read('80025d5502c3a9612e')).toEqual(['é']);
    expect(read('80025d5502c3a9612e', { encoding: 'bytes' })).toEqual([Buffer.from([0xc3, 0xa9])]);
  });

  it('that holds itself does', () => {
    const list = read('80025d71006800612e') as unknown[];
    expect(list[0]).toBe(list);
  });

  it('follows another one', () => {
    const bytes = Buffer.from('80024b012e80049505000000000000008c0162942e', 'hex');
    const first = unpickleAt(bytes, 0, options);
    expect(first).toEqual({ value: 1, end: 5 });
    expect(unpickleAt(bytes, first.end, options)).toEqual({ value: 'b', end: bytes.length });
  });

  it('with text that is none replaces it', () => {
    // pickle.dumps('a\udc80b', 2)
    expect(read('8002580500000061edb2806271002e')).toMatch(/^a\ufffd+b$/);
  });
});

describe('a global of a pickle', () => {
  it('that is known is read as what the caller says', () => {
    // pickle.dumps(OrderedDict(a=1), 2), and {1}, whose class has Python 2's name
    const dict = '800263636f6c6c656374696f6e730a4f726465726564446963740a71002952710158010000006171024b01732e';
    expect(read(dict)).toEqual(new Map([['a', 1]]));
    const set = read('8002635f5f6275696c74696e5f5f0a7365740a71005d71014b01618571025271032e');
    expect(set).toEqual(new PickledObject('builtins.set', [[1]]));
  });

  it.each([
    ['2', '8002635f5f6275696c74696e5f5f0a7072696e740a71002e', 'at byte 21 of 24'],
    ['4', '80049516000000000000008c086275696c74696e73948c057072696e749493942e', 'at byte 31 of 33'],
  ])('that is not is refused by its name, in protocol %s', (_protocol, hex, place) => {
    const wanted = new PickleError(`the pickle wants builtins.print (${place}): refused. Leave builtins.print out`);
    expect(() => read(hex)).toThrow(wanted);
  });

  it('is called by nothing else', () => {
    expect(() => read('80024b0129522e')).toThrow('a call of a number: refused');
    expect(() => read('8002635f5f6275696c74696e5f5f0a7365740a4b01522e')).toThrow('a call without a tuple of arguments');
  });
});

describe('a damaged pickle', () => {
  it.each([
    ['', 'no pickle of protocol 2 or later (in Python: pickle.dump(x, file, protocol=2)), at byte 0 of 0'],
    ['2864703070310a2e', 'no pickle of protocol 2 or later'],
    ['80064e2e', 'a protocol past 5, at byte 2 of 4'],
    ['80024e', "1 bytes are wanted past the pickle's end, at byte 3 of 3"],
    ['800258ffffff7f61', "2147483647 bytes are wanted past the pickle's end"],
    ['80028dffffffffffffff7f', 'a length of 9223372036854775807'],
    ['80022e', 'an empty stack'],
    ['8002282e', 'a mark in the place of a value'],
    ['8002652e', 'no mark'],
    ['800268002e', 'nothing was kept under 0'],
    ['80024e4e612e', 'items for something that is not a list'],
    ['80024e4e4e732e', 'items for something that is not a dict'],
    ['80024e284e902e', 'items for something that is not a set'],
    ['80024e4e622e', 'state for something that takes none'],
    ['80028b010400000000', 'an integer of 1025 bytes'],
    ['80024e512e', 'a persistent id'],
    ['8002692e', 'the opcode 0x69, which no data needs: refused'],
    ['8002636f73', 'a line without an end'],
  ])('%s is refused', (hex, message) => {
    expect(() => read(hex)).toThrow(PickleError);
    expect(() => read(hex)).toThrow(message);
  });
});
