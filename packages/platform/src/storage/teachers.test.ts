import { createHash } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { getDocument } from '../documents.js';
import { asTeacherDigest } from '../ids.js';
import { endpointTeacherKey, ensembleTeacherKey } from '../object-keys.js';
import { FileObjectStore } from './file-object-store.js';
import {
  endpointTeacherSchema,
  ensembleTeacherSchema,
  storeEndpointTeacher,
  storeEnsembleTeacher,
} from './teachers.js';

const newStore = async () => new FileObjectStore(await mkdtemp(path.join(tmpdir(), 'mcld-teachers-')));
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const [a, b] = ['a'.repeat(64), 'b'.repeat(64)].map(asTeacherDigest);

describe('a teacher that is a document', () => {
  it('has the digest of the same bytes as ever', async () => {
    const store = await newStore();
    const ensemble = await storeEnsembleTeacher(store, { members: [a!, b!], mean: 'logits' });
    expect(ensemble).toBe(sha256(`{"members":["${a}","${b}"],"mean":"logits"}`));
    const tensor = { name: 'x', datatype: 'FP32', shape: [-1, 10] };
    const endpoint = { endpoint: 'h:1', name: 'm', version: '2', platform: 'p', inputs: [tensor], outputs: [tensor] };
    const x = '[{"name":"x","datatype":"FP32","shape":[-1,10]}]';
    expect(await storeEndpointTeacher(store, endpoint)).toBe(
      sha256(`{"endpoint":"h:1","name":"m","version":"2","platform":"p","inputs":${x},"outputs":${x}}`),
    );
  });

  it('comes back as it was stored', async () => {
    const store = await newStore();
    const ensemble = { members: [a!, b!], mean: 'probabilities' } as const;
    const digest = await storeEnsembleTeacher(store, ensemble);
    expect(await getDocument(store, ensembleTeacherKey(digest), ensembleTeacherSchema)).toEqual(ensemble);
    expect(await getDocument(store, ensembleTeacherKey(a!), ensembleTeacherSchema)).toBeUndefined();
  });

  it('is refused by its key and field where it is damaged', async () => {
    const store = await newStore();
    await store.put(ensembleTeacherKey(a!), Buffer.from(`{"members":["${b}","c"],"mean":"logits"}`));
    await expect(getDocument(store, ensembleTeacherKey(a!), ensembleTeacherSchema)).rejects.toThrow(
      `teachers/${a}/ensemble.json cannot be read: members[1]: expected a digest (64 hex digits)`,
    );
    await store.put(endpointTeacherKey(a!), Buffer.from('{"endpoint":"h:1","name":"m","version":2}'));
    await expect(getDocument(store, endpointTeacherKey(a!), endpointTeacherSchema)).rejects.toThrow(
      `teachers/${a}/endpoint.json cannot be read: version: Invalid input: expected string, received number; platform: `,
    );
  });
});
