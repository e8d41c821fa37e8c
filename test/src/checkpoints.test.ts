/** Teachers from files of weights, as people have them: what was taken is told, what cannot be is refused. */
import { writeFile } from 'node:fs/promises';
import { encodeSafetensors } from '@mcld/models/formats/safetensors.js';
import { initialState, type StateDict } from '@mcld/models/layers/state-dict.js';
import { RemoteError } from '@mcld/platform/grpc/remote-error.js';
import { describe, expect, it } from 'vitest';
import { cli } from './support/cli.js';
import { usePlace } from './support/place.js';
import { quickRecipe } from './support/runs.js';
import { usePipeline } from './support/test-pipeline.js';

const place = usePlace({ train: 192, test: 100 });
const pipeline = usePipeline(place);

const named = (prefix: string, seed: number): StateDict =>
  new Map([...initialState('resnet8', 100, seed)].map(([name, array]) => [prefix + name, array]));
const encoded = (...states: StateDict[]) =>
  Buffer.from(encodeSafetensors(new Map(states.flatMap((state) => [...state])), {}));

async function imported(file: Uint8Array, model = 'resnet8', weights = '') {
  async function* pieces() {
    yield { model, weights, chunk: Buffer.from(file.subarray(0, 1000)) };
    yield { chunk: Buffer.from(file.subarray(1000)) };
  }
  return pipeline.client.importTeacher(pieces());
}

const refusal = async (...args: Parameters<typeof imported>) => {
  const error: unknown = await imported(...args).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(RemoteError);
  expect((error as RemoteError).status).toBe('INVALID_ARGUMENT');
  return (error as RemoteError).message;
};

describe('an imported file of weights', () => {
  it('is the same teacher whatever stands before its names, and says what was taken', async () => {
    const plain = await imported(encoded(named('', 1)));
    expect(plain.notes).toEqual([]);
    const both = encoded(named('module.', 1), named('ema.', 2));
    expect(await imported(both)).toEqual({
      teacherDigest: plain.teacherDigest,
      notes: [
        "'module.' is taken off the tensors' names",
        "averaged (EMA) weights lie under 'ema'; weights: ema takes them",
      ],
    });
    const average = await imported(both, 'resnet8', 'ema');
    expect(average.teacherDigest).toBe((await imported(encoded(named('', 2)))).teacherDigest);
    expect(average.notes).toContain("these are averaged (EMA) weights; raw ones lie under 'module'");
  });

  it('that cannot be taken is refused as what it is', async () => {
    const file = encoded(named('module.', 1));
    expect(await refusal(file, '')).toBe('model is missing: the weights fit resnet8 (100 classes)');
    expect(await refusal(file, 'resnet14')).toMatch(/These are the weights of resnet8 \(100 classes\)$/);
    expect(await refusal(file, 'resnet8', 'best')).toBe("weights 'best': expected raw or ema");
    expect(await refusal(file, 'resnet8', 'ema')).toMatch(
      /^weights: ema, but the file has no averaged \(EMA\) weights/,
    );
    expect(await refusal(Buffer.from('<!DOCTYPE html><title>Sign in</title>'))).toMatch(
      /^the file is a web page \(Sign in\)\. /,
    );
    expect(await refusal(Buffer.alloc(64, 7), '', 'ema')).toBe(
      "weights 'ema': an ONNX model has one set of weights; leave it out",
    );
  });
});

describe('mcld run with a file of weights', () => {
  async function run(teacher: Record<string, unknown>, ...options: string[]) {
    const recipe = place.at('recipe.yaml');
    await writeFile(recipe, JSON.stringify(quickRecipe(place.data, { teacher, distiller: { name: 'kd' }, epochs: 1 })));
    return cli(['run', '-f', recipe, '--endpoint', pipeline.endpoint, ...options]);
  }

  it('says on standard error what it took, and nothing of it with --json', async () => {
    const file = place.at('teacher.safetensors');
    await writeFile(file, encoded(named('_orig_mod.', 1), named('model_ema.', 2)));
    const told = await run({ file, model: 'resnet8', weights: 'ema' });
    expect(told.code).toBe(0);
    expect(told.stderr).toContain(`teacher: ${file}: 'model_ema.' is taken off the tensors' names\n`);
    expect(told.stderr).toContain(
      `teacher: ${file}: these are averaged (EMA) weights; raw ones lie under '_orig_mod'\n`,
    );
    const quiet = await run({ file, model: 'resnet8', weights: 'ema' }, '--json');
    expect([quiet.code, quiet.stderr]).toEqual([0, expect.not.stringContaining('teacher:')]);
  });

  it('names the file that is refused', async () => {
    const file = place.at('pointer.pth');
    await writeFile(file, 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n');
    const { code, stderr } = await run({ file, model: 'resnet8' });
    expect(code).toBe(2);
    expect(stderr).toContain(
      `teacher.file ${file}: the file is a pointer of Git LFS, not the weights. Fetch them with \`git lfs pull\`.`,
    );
  });
});
