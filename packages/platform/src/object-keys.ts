import type { RunId, TeacherDigest } from './ids.js';

/** The object store's keys. */
const stepName = (step: number): string => String(step).padStart(12, '0');

export const runPrefix = (run: RunId): string => `runs/${run}/`;
export const specKey = (run: RunId): string => `runs/${run}/spec.json`;
export const checkpointsPrefix = (run: RunId): string => `runs/${run}/checkpoints/`;
export const checkpointPrefix = (run: RunId, step: number): string => `${checkpointsPrefix(run)}${stepName(step)}/`;
export const reportKey = (run: RunId, name: string): string => `runs/${run}/reports/${name}`;
export const evaluationKey = (run: RunId, step: number): string => reportKey(run, `evaluation-${stepName(step)}.json`);
/** A teacher is one of four: weights of a model here, an ONNX model, a model on another server, the mean of several. */
export const onnxTeacherKey = (digest: TeacherDigest): string => `teachers/${digest}/model.onnx`;
export const endpointTeacherKey = (digest: TeacherDigest): string => `teachers/${digest}/endpoint.json`;
export const ensembleTeacherKey = (digest: TeacherDigest): string => `teachers/${digest}/ensemble.json`;
export const teacherKey = (digest: TeacherDigest): string => `teachers/${digest}/model.safetensors`;
export const teacherKeys = [teacherKey, onnxTeacherKey, endpointTeacherKey, ensembleTeacherKey] as const;
