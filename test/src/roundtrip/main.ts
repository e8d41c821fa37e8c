/**
 * `npm run roundtrip`: students and teachers to real Python and back. Weights made here go into PyTorch
 * (safetensors, `load_state_dict(strict=True)`) and onnxruntime; PyTorch's go from `.pth` files, of the old format and
 * with averaged weights too, and an exported ONNX model into this project. Logits must agree to 1e-4 of the largest.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeOnnx } from '@mcld/models/formats/onnx-export.js';
import { encodeSafetensors } from '@mcld/models/formats/safetensors.js';
import { readWeightFile } from '@mcld/models/formats/weight-file.js';
import { InferenceNetwork } from '@mcld/models/layers/inference-network.js';
import { initialState, type StateDict } from '@mcld/models/layers/state-dict.js';
import { chooseWeights, type WantedWeights } from '@mcld/models/matching/choose-weights.js';
import { TensorNames } from '@mcld/models/matching/tensor-names.js';
import { TrainableNetwork } from '@mcld/models/training/trainable-network.js';
import { Training } from '@mcld/models/training/training.js';
import { type ModelName, modelNames, models } from '@mcld/models/zoo/registry.js';
import { sgd } from '@mcld/optimizers/sgd.js';
import { onnxComputer } from '@mcld/teacher-inference/computers/onnx-computer.js';
import { loadBackend } from '@mcld/tensor/backend.js';
import { crossEntropy } from '@mcld/tensor/cross-entropy.js';
import { normalise } from '@mcld/tensor/normalise.js';
import * as tf from '@tensorflow/tfjs-core';
import { maxAbs, maxDeviation } from '../golden/comparison.js';

const LIMIT = 1e-4;
const CLASSES = 10;
const ROWS = 2;
const statistics = { mean: [0.5071, 0.4867, 0.4408], std: [0.2675, 0.2565, 0.2761] };
const script = fileURLToPath(new URL('../../python/roundtrip.py', import.meta.url));
/** The ONNX export of Python is slow: one of each kind goes through it. */
const exported: readonly string[] = ['resnet8', 'wrn_16_2', 'ShuffleV2', 'deit_tiny_patch4_32'];

const pixelsOf = (size: number) =>
  Uint8Array.from({ length: ROWS * size * size * 3 }, (_, i) => (i * 7 + (i >> 5)) % 256);

/** A student after a few steps, so that its running statistics are of this world. */
function trained(model: ModelName): StateDict {
  const size = models[model].imageSize;
  const training = new Training(
    new TrainableNetwork(model, CLASSES),
    sgd.withOptions({ momentum: 0.9 }, 5e-4),
    ({ logits }, { y }: { y: tf.Tensor1D }) => ({ loss: crossEntropy(logits, y), report: {} }),
    initialState(model, CLASSES, 5),
  );
  const images = normalise(pixelsOf(size), [ROWS, size, size], statistics);
  const y = tf.tensor1d([1, 2], 'int32');
  for (let step = 0; step < 3; step++) training.step(images, { y }, { lr: 0.01 }, step);
  const weights = training.weights();
  tf.dispose([images, y]);
  training.dispose();
  return weights;
}

function logitsHere(model: ModelName, state: StateDict): Float32Array {
  const size = models[model].imageSize;
  const network = new InferenceNetwork(model, CLASSES, state);
  const images = normalise(pixelsOf(size), [ROWS, size, size], statistics);
  const { features, logits } = network.forward(images);
  const found = logits.dataSync() as Float32Array;
  tf.dispose([images, features, logits]);
  network.dispose();
  return found;
}

async function weightsFrom(model: ModelName, file: string, wanted: WantedWeights): Promise<StateDict> {
  const tensors = await readWeightFile('torch', readFileSync(path.join(folder, file)));
  return chooseWeights(model, new TensorNames(tensors), wanted).state;
}

let failures = 0;
function compare(what: string, found: ArrayLike<number>, expected: ArrayLike<number>): void {
  const deviation = maxDeviation(found, expected) / maxAbs(expected);
  const ok = deviation <= LIMIT;
  if (!ok) failures++;
  process.stdout.write(`${ok ? 'ok    ' : 'FAILED'}  ${deviation.toExponential(1)}  ${what}\n`);
}

interface Answer {
  readonly fromSafetensors: number[];
  readonly fromOnnx: number[];
  readonly ownLogits: number[];
}

loadBackend();
const python = process.env.MCLD_PYTHON ?? 'python3';
const folder = mkdtempSync(path.join(tmpdir(), 'mcld-roundtrip-'));
try {
  const names = modelNames.filter((name) => !name.startsWith('mobilenet_'));
  const here = new Map<ModelName, Float32Array>();
  for (const model of names) {
    const state = trained(model);
    here.set(model, logitsHere(model, state));
    writeFileSync(path.join(folder, `${model}.safetensors`), encodeSafetensors(state, { format: 'pt' }));
    const options = { fold: true, normalisation: statistics };
    writeFileSync(path.join(folder, `${model}.onnx`), encodeOnnx(model, CLASSES, state, options));
    writeFileSync(path.join(folder, `${model}.pixels`), pixelsOf(models[model].imageSize));
  }
  const plan = { models: names, exported, classes: CLASSES, rows: ROWS, ...statistics };
  writeFileSync(path.join(folder, 'plan.json'), JSON.stringify(plan));
  execFileSync(python, [script, folder], { stdio: ['ignore', 'ignore', 'inherit'] });
  const answers = JSON.parse(readFileSync(path.join(folder, 'answers.json'), 'utf8')) as Record<string, Answer>;
  for (const model of names) {
    const { fromSafetensors, fromOnnx, ownLogits } = answers[model] as Answer;
    compare(`${model}: safetensors → PyTorch`, fromSafetensors, here.get(model) as Float32Array);
    compare(`${model}: ONNX → onnxruntime`, fromOnnx, here.get(model) as Float32Array);
    compare(`${model}: .pth → here`, logitsHere(model, await weightsFrom(model, `${model}.pth`, '')), ownLogits);
    if (!exported.includes(model)) continue;
    const old = await weightsFrom(model, `${model}.old.pth`, 'ema');
    compare(`${model}: averaged weights in the old format → here`, logitsHere(model, old), ownLogits);
    const teacher = await onnxComputer(readFileSync(path.join(folder, `${model}.torch.onnx`)), ROWS);
    const size = models[model].imageSize;
    const images = { pixels: pixelsOf(size), height: size, width: size, statistics };
    compare(`${model}: ONNX of PyTorch → here`, (await teacher.compute(images, 'logits')).values, ownLogits);
    await teacher.unload();
  }
} finally {
  rmSync(folder, { recursive: true });
}
process.exitCode = failures > 0 ? 1 : 0;
