import { rm } from 'node:fs/promises';
import path from 'node:path';
import { writeWhole } from '@mcld/files/atomic-file.js';
import { readDocument } from '@mcld/platform/documents.js';
import { z } from 'zod';

const pidSchema = z.int().min(1);

const clusterFileSchema = z.object({
  /** The process that holds the others. */
  supervisor: pidSchema,
  /** Process ids by name, in the order in which they were started. */
  children: z.record(z.string(), pidSchema),
});

/** What `dev down` needs to find a cluster. */
export type ClusterFile = Readonly<z.output<typeof clusterFileSchema>>;

const placeIn = (folder: string): string => path.join(path.resolve(folder), 'cluster.json');

/** @returns undefined where no cluster runs @throws DocumentError */
export const readClusterFile = (folder: string): Promise<ClusterFile | undefined> =>
  readDocument(placeIn(folder), clusterFileSchema);

export const writeClusterFile = (folder: string, content: ClusterFile): Promise<void> =>
  writeWhole(placeIn(folder), JSON.stringify(content));

export const removeClusterFile = (folder: string): Promise<void> => rm(placeIn(folder), { force: true });
