import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { StudentFormat } from '@mcld/contracts/mcld/v1/pipeline.js';
import { wholeFile } from '@mcld/feeds/files.js';
import type { Command } from 'commander';
import { withConnection } from '../connection.js';
import { CliError, Exit } from '../exit.js';
import { writeOutput } from '../output-file.js';
import { type CommonOptions, print, printJson, wholeNumber } from './common.js';

interface ExportOptions extends CommonOptions {
  readonly out: string;
  readonly keepNorms?: boolean;
  readonly rawPixels?: boolean;
  readonly labels?: string;
  readonly step?: number;
}

const formats: Readonly<Record<string, StudentFormat>> = {
  '.safetensors': StudentFormat.SAFETENSORS,
  '.onnx': StudentFormat.ONNX,
};

async function exportStudent(runId: string, options: ExportOptions): Promise<void> {
  const { out, keepNorms = false, rawPixels = false, step = 0 } = options;
  const format = formats[path.extname(out)];
  if (format === undefined) {
    throw new CliError(`--out ${out}: expected a name that ends in ${Object.keys(formats).join(' or ')}`, Exit.usage);
  }
  const labels = options.labels ? await linesOf(options.labels) : [];
  await withConnection({ ...options, use: 'brief' }, async ({ client }) => {
    const request = { runId, format, keepNorms, rawPixels, labels, step };
    const { bytes: file } = await wholeFile(client.exportStudent(request), ({ chunk }) => chunk, 'a student');
    await writeOutput(out, file);
    if (options.json) printJson({ run: runId, file: out, bytes: file.length });
    else print(out);
  });
}

async function linesOf(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new CliError(`--labels: cannot read ${file}: ${error.message}`, Exit.usage);
  });
  return text.split('\n').filter((line) => line.trim() !== '');
}

export function addExportCommand(program: Command, common: (command: Command) => Command): void {
  common(program.command('export <run>').description("write a run's student as a file"))
    .requiredOption('-o, --out <file>', 'student.safetensors, or student.onnx')
    .option('--step <step>', 'of the checkpoint at this step, instead of the newest', wholeNumber)
    .option('--keep-norms', 'ONNX: keep batch norms apart instead of folding them into convolutions')
    .option('--raw-pixels', 'ONNX: take raw pixels, uint8 [N, height, width, 3], and normalise them inside')
    .option('--labels <file>', 'ONNX: names of the classes, one a line, kept as metadata')
    .action(exportStudent);
}
