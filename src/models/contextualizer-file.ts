/** ψ in one .safetensors that says what it is and which text encoder it was trained with. */
import { createHash } from 'node:crypto';
import { UserError } from '../errors.ts';
import { openSafetensors, writeSafetensors } from '../files/safetensors.ts';
import type { NewTensor } from '../files/safetensors.ts';
import { readEntry } from '../files/tensors.ts';
import type { TensorTable } from '../files/tensors.ts';
import type { ClipTextConfig } from './clip-text.ts';
import { contextualizerConfig, textWidth } from './contextualizer.ts';
import type { ContextualizerConfig } from './contextualizer.ts';

export const contextualizerKind = 'contextura contextualizer';

/**
 * SHA-256 of a text encoder: of the names, shapes and float32 bytes of its tensors in the order of
 * their names. Precision of storage does not matter where the numbers are the same; what is not the
 * encoder proper (a projection, tables of positions' numbers) is left out.
 */
export function textEncoderHash(tensors: TensorTable): string {
  const hash = createHash('sha256');
  for (const name of [...tensors.keys()].toSorted()) {
    const entry = tensors.get(name)!;
    if (!name.startsWith('text_model.') || !/^B?F\d/.test(entry.dtype)) continue;
    hash.update(`${name} ${entry.shape.join('x')}\n`);
    const data = readEntry(entry);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}

/** Writes ψ with its configuration and its text encoder's hash. */
export async function writeContextualizer(
  path: string,
  weights: Readonly<Record<string, NewTensor>>,
  config: ContextualizerConfig,
  encoderHash: string,
  more: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeSafetensors(path, weights, {
    format: 'pt',
    kind: contextualizerKind,
    config: JSON.stringify(config),
    text_encoder_sha256: encoderHash,
    ...more,
  });
}

/** Throws a UserError where ψ's shape is not that of the text encoder. */
export function checkShape(path: string, config: ContextualizerConfig, text: ClipTextConfig): void {
  if (textWidth(config) !== text.hidden_size || config.vocab_size !== text.vocab_size)
    throw new UserError(
      `${path} is for a text encoder of width ${textWidth(config)} and ${config.vocab_size} tokens; this one has ${text.hidden_size} and ${text.vocab_size}: pretrain a contextualizer for this model`,
    );
}

/** Throws a UserError where ψ says that it belongs to a text encoder of other weights. */
export function checkEncoder(path: string, expected: string | undefined, encoder: TensorTable): void {
  if (expected === undefined) return;
  const got = textEncoderHash(encoder);
  if (got !== expected)
    throw new UserError(
      `${path} was trained with a text encoder of other weights (${expected.slice(0, 12)}…, this one is ${got.slice(0, 12)}…): pretrain a contextualizer for this model`,
    );
}

/** ψ's configuration from its file, checked against a text encoder by shape and by hash. Throws a UserError where the file is none or is another encoder's. */
export async function readContextualizerConfig(path: string, text: ClipTextConfig, encoder: TensorTable): Promise<ContextualizerConfig> {
  const { metadata } = await openSafetensors(path);
  const bad = (what: string): UserError =>
    new UserError(`${path} ${what}: name a file that contextura pretrain contextualizer has written`);
  if (metadata.config === undefined || metadata.kind !== contextualizerKind) throw bad('is no contextualizer');
  let json: unknown;
  try {
    json = JSON.parse(metadata.config);
  } catch {
    throw bad('has a configuration that is not JSON');
  }
  const result = contextualizerConfig.safeParse(json);
  if (!result.success) throw bad(`has a configuration that is not one (${result.error.issues[0]!.path.join('.')})`);
  checkShape(path, result.data, text);
  checkEncoder(path, metadata.text_encoder_sha256, encoder);
  return result.data;
}
