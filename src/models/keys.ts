/** Foreign tensor names → those of diffusers and transformers, and back for what is exported. */
import { rowsOf } from '../files/tensors.ts';
import type { TensorEntry, TensorTable } from '../files/tensors.ts';
import { onDemand } from '../graph/values.ts';
import type { Values } from '../graph/values.ts';

type Rule = readonly [pattern: RegExp, replacement: string | ((...groups: string[]) => string)];

/** The first rule that fits a name, applied; undefined where none fits. */
function rename(name: string, rules: readonly Rule[]): string | undefined {
  for (const [pattern, replacement] of rules) {
    const match = pattern.exec(name);
    if (match !== null) return name.replace(pattern, replacement as string);
  }
  return undefined;
}

/** One entry under one or several new names. */
type Renamed = readonly (readonly [name: string, entry: TensorEntry])[];

function renameAll(tensors: TensorTable, each: (name: string, entry: TensorEntry) => Renamed): TensorTable {
  return new Map([...tensors].flatMap(([name, entry]) => each(name, entry)));
}

/** Tensors under a prefix, which is taken off. */
export const under = (tensors: TensorTable, prefix: string): TensorTable =>
  renameAll(tensors, (name, entry) => (name.startsWith(prefix) ? [[name.slice(prefix.length), entry]] : []));

const attentionNames: Record<string, string> = { query: 'to_q', key: 'to_k', value: 'to_v', proj_attn: 'to_out.0' };

/** Names that the VAE's attention had before diffusers 0.18, and its 1×1 convolutions as the matrices that they are. */
export const currentVae = (tensors: TensorTable): TensorTable =>
  renameAll(tensors, (name, entry) => {
    const current = name.replace(
      /(mid_block\.attentions\.0\.)(query|key|value|proj_attn)\./,
      (_, head: string, old: string) => `${head}${attentionNames[old]}.`,
    );
    const [rows, columns, ...rest] = entry.shape;
    const matrix = /mid_block\.attentions\.0\.to_.*weight$/.test(current) && rest.length === 2 && rest.every((n) => n === 1);
    return [[current, matrix ? { ...entry, shape: [rows!, columns!] } : entry]];
  });

/** Text encoders that were saved without `text_model.`; the positions' numbers, which are no weights, left out. */
export const currentText = (tensors: TensorTable): TensorTable =>
  renameAll(tensors, (name, entry) => {
    if (name.endsWith('position_ids')) return [];
    return [[/^(embeddings|encoder|final_layer_norm)\./.test(name) ? `text_model.${name}` : name, entry]];
  });

const ldmResnet: readonly Rule[] = [
  [/in_layers\.0\./, 'norm1.'],
  [/in_layers\.2\./, 'conv1.'],
  [/emb_layers\.1\./, 'time_emb_proj.'],
  [/out_layers\.0\./, 'norm2.'],
  [/out_layers\.3\./, 'conv2.'],
  [/skip_connection\./, 'conv_shortcut.'],
];

/** The U-Net of latent-diffusion's checkpoints, `depth` residual blocks per level. What no rule knows keeps its name. */
export function ldmUnet(tensors: TensorTable, depth = 2): TensorTable {
  const period = depth + 1;
  const place = (kind: 'down' | 'up', number: number): string => `${kind}_blocks.${Math.floor(number / period)}`;
  const rules: readonly Rule[] = [
    [/^time_embed\.0\./, 'time_embedding.linear_1.'],
    [/^time_embed\.2\./, 'time_embedding.linear_2.'],
    [/^input_blocks\.0\.0\./, 'conv_in.'],
    [/^out\.0\./, 'conv_norm_out.'],
    [/^out\.2\./, 'conv_out.'],
    [/^input_blocks\.(\d+)\.0\.op\./, (_, n) => `${place('down', Number(n) - 1)}.downsamplers.0.conv.`],
    [/^input_blocks\.(\d+)\.0\./, (_, n) => `${place('down', Number(n) - 1)}.resnets.${(Number(n) - 1) % period}.`],
    [/^input_blocks\.(\d+)\.1\./, (_, n) => `${place('down', Number(n) - 1)}.attentions.${(Number(n) - 1) % period}.`],
    [/^middle_block\.0\./, 'mid_block.resnets.0.'],
    [/^middle_block\.1\./, 'mid_block.attentions.0.'],
    [/^middle_block\.2\./, 'mid_block.resnets.1.'],
    [/^output_blocks\.(\d+)\.0\./, (_, n) => `${place('up', Number(n))}.resnets.${Number(n) % period}.`],
    [/^output_blocks\.(\d+)\.[12]\.conv\./, (_, n) => `${place('up', Number(n))}.upsamplers.0.conv.`],
    [/^output_blocks\.(\d+)\.1\./, (_, n) => `${place('up', Number(n))}.attentions.${Number(n) % period}.`],
  ];
  return renameAll(tensors, (name, entry) => {
    const placed = rename(name, rules);
    return [[placed === undefined ? name : (rename(placed, ldmResnet) ?? placed), entry]];
  });
}

/** The VAE of latent-diffusion's checkpoints, with `levels` resolutions. What no rule knows keeps its name. */
export function ldmVae(tensors: TensorTable, levels = 4): TensorTable {
  const rules: readonly Rule[] = [
    [/^encoder\.down\.(\d+)\.block\./, 'encoder.down_blocks.$1.resnets.'],
    [/^encoder\.down\.(\d+)\.downsample\./, 'encoder.down_blocks.$1.downsamplers.0.'],
    [/^decoder\.up\.(\d+)\.block\./, (_, n) => `decoder.up_blocks.${levels - 1 - Number(n)}.resnets.`],
    [/^decoder\.up\.(\d+)\.upsample\./, (_, n) => `decoder.up_blocks.${levels - 1 - Number(n)}.upsamplers.0.`],
    [/\.mid\.block_1\./, '.mid_block.resnets.0.'],
    [/\.mid\.block_2\./, '.mid_block.resnets.1.'],
    [/\.mid\.attn_1\.norm\./, '.mid_block.attentions.0.group_norm.'],
    [/\.mid\.attn_1\.([qkv])\./, '.mid_block.attentions.0.to_$1.'],
    [/\.mid\.attn_1\.proj_out\./, '.mid_block.attentions.0.to_out.0.'],
    [/\.norm_out\./, '.conv_norm_out.'],
    [/^((en|de)coder\.conv_(in|out)|(post_)?quant_conv)\./, '$1.'],
  ];
  return currentVae(
    renameAll(tensors, (name, entry) => {
      const placed = rename(name, rules);
      return [[(placed ?? name).replace('.nin_shortcut.', '.conv_shortcut.'), entry]];
    }),
  );
}

/** OpenCLIP's text tower, the first `layers` of it: Stable Diffusion 2 reads the last layer but one. */
export function openClipText(tensors: TensorTable, layers: number): TensorTable {
  const rules: readonly Rule[] = [
    [/^positional_embedding$/, 'embeddings.position_embedding.weight'],
    [/^token_embedding\./, 'embeddings.token_embedding.'],
    [/^ln_final\./, 'final_layer_norm.'],
    [/^transformer\.resblocks\.(\d+)\.ln_([12])\./, 'encoder.layers.$1.layer_norm$2.'],
    [/^transformer\.resblocks\.(\d+)\.mlp\.c_fc\./, 'encoder.layers.$1.mlp.fc1.'],
    [/^transformer\.resblocks\.(\d+)\.mlp\.c_proj\./, 'encoder.layers.$1.mlp.fc2.'],
    [/^transformer\.resblocks\.(\d+)\.attn\.out_proj\./, 'encoder.layers.$1.self_attn.out_proj.'],
    [/^transformer\.resblocks\.(\d+)\.attn\.in_proj_(weight|bias)$/, 'encoder.layers.$1.self_attn.in_proj.$2'],
  ];
  return renameAll(tensors, (name, entry) => {
    const placed = rename(name, rules);
    const layer = /^encoder\.layers\.(\d+)\./.exec(placed ?? '')?.[1];
    if (/^(text_projection|logit_scale|attn_mask)$/.test(name) || Number(layer ?? 0) >= layers) return [];
    if (placed === undefined) return [[name, entry]];
    if (!placed.includes('.in_proj.')) return [[`text_model.${placed}`, entry]];
    return ['q_proj', 'k_proj', 'v_proj'].map((part, i) => [`text_model.${placed.replace('in_proj', part)}`, rowsOf(entry, i, 3)] as const);
  });
}

type ValueTable = Readonly<Record<string, Values>>;

const mapNames = (tensors: ValueTable, each: (name: string) => string): ValueTable =>
  Object.fromEntries(Object.entries(tensors).map(([name, values]) => [each(name), values]));

const toLdmResnet: readonly Rule[] = [
  [/\.norm1\./, '.in_layers.0.'],
  [/\.conv1\./, '.in_layers.2.'],
  [/\.time_emb_proj\./, '.emb_layers.1.'],
  [/\.norm2\./, '.out_layers.0.'],
  [/\.conv2\./, '.out_layers.3.'],
  [/\.conv_shortcut\./, '.skip_connection.'],
];

/** A U-Net under latent-diffusion's names: `ldmUnet` backwards. */
export function toLdmUnet(tensors: ValueTable, depth = 2): ValueTable {
  const period = depth + 1;
  const attentive = new Set(Object.keys(tensors).flatMap((name) => /^up_blocks\.(\d+)\.attentions\./.exec(name)?.[1] ?? []));
  const rules: readonly Rule[] = [
    [/^time_embedding\.linear_1\./, 'time_embed.0.'],
    [/^time_embedding\.linear_2\./, 'time_embed.2.'],
    [/^conv_in\./, 'input_blocks.0.0.'],
    [/^conv_norm_out\./, 'out.0.'],
    [/^conv_out\./, 'out.2.'],
    [/^down_blocks\.(\d+)\.downsamplers\.0\.conv\./, (_, block) => `input_blocks.${(Number(block) + 1) * period}.0.op.`],
    [/^down_blocks\.(\d+)\.resnets\.(\d+)\./, (_, block, i) => `input_blocks.${Number(block) * period + Number(i) + 1}.0.`],
    [/^down_blocks\.(\d+)\.attentions\.(\d+)\./, (_, block, i) => `input_blocks.${Number(block) * period + Number(i) + 1}.1.`],
    [/^mid_block\.resnets\.0\./, 'middle_block.0.'],
    [/^mid_block\.attentions\.0\./, 'middle_block.1.'],
    [/^mid_block\.resnets\.1\./, 'middle_block.2.'],
    [
      /^up_blocks\.(\d+)\.upsamplers\.0\.conv\./,
      (_, block) => `output_blocks.${Number(block) * period + depth}.${attentive.has(block!) ? 2 : 1}.conv.`,
    ],
    [/^up_blocks\.(\d+)\.resnets\.(\d+)\./, (_, block, i) => `output_blocks.${Number(block) * period + Number(i)}.0.`],
    [/^up_blocks\.(\d+)\.attentions\.(\d+)\./, (_, block, i) => `output_blocks.${Number(block) * period + Number(i)}.1.`],
  ];
  return mapNames(tensors, (name) => {
    const placed = rename(name, rules) ?? name;
    return name.includes('.resnets.') ? (rename(placed, toLdmResnet) ?? placed) : placed;
  });
}

/** A VAE under latent-diffusion's names, its attention as 1×1 convolutions: `ldmVae` backwards. */
export function toLdmVae(tensors: ValueTable, levels = 4): ValueTable {
  const rules: readonly Rule[] = [
    [/^encoder\.down_blocks\.(\d+)\.resnets\./, 'encoder.down.$1.block.'],
    [/^encoder\.down_blocks\.(\d+)\.downsamplers\.0\./, 'encoder.down.$1.downsample.'],
    [/^decoder\.up_blocks\.(\d+)\.resnets\./, (_, n) => `decoder.up.${levels - 1 - Number(n)}.block.`],
    [/^decoder\.up_blocks\.(\d+)\.upsamplers\.0\./, (_, n) => `decoder.up.${levels - 1 - Number(n)}.upsample.`],
    [/\.mid_block\.resnets\.0\./, '.mid.block_1.'],
    [/\.mid_block\.resnets\.1\./, '.mid.block_2.'],
    [/\.mid_block\.attentions\.0\.group_norm\./, '.mid.attn_1.norm.'],
    [/\.mid_block\.attentions\.0\.to_([qkv])\./, '.mid.attn_1.$1.'],
    [/\.mid_block\.attentions\.0\.to_out\.0\./, '.mid.attn_1.proj_out.'],
    [/\.conv_norm_out\./, '.norm_out.'],
  ];
  return Object.fromEntries(
    Object.entries(tensors).map(([name, values]) => {
      const placed = (rename(name, rules) ?? name).replace('.conv_shortcut.', '.nin_shortcut.');
      const isProjection = /\.attn_1\.(q|k|v|proj_out)\.weight$/.test(placed);
      return [placed, isProjection ? onDemand([...values.shape, 1, 1], () => values.data) : values];
    }),
  );
}

/** A text encoder under OpenCLIP's names, its three projections as one matrix: `openClipText` backwards. */
export function toOpenClip(tensors: ValueTable): ValueTable {
  const rules: readonly Rule[] = [
    [/^embeddings\.position_embedding\.weight$/, 'positional_embedding'],
    [/^embeddings\.token_embedding\./, 'token_embedding.'],
    [/^final_layer_norm\./, 'ln_final.'],
    [/^encoder\.layers\.(\d+)\.layer_norm([12])\./, 'transformer.resblocks.$1.ln_$2.'],
    [/^encoder\.layers\.(\d+)\.mlp\.fc1\./, 'transformer.resblocks.$1.mlp.c_fc.'],
    [/^encoder\.layers\.(\d+)\.mlp\.fc2\./, 'transformer.resblocks.$1.mlp.c_proj.'],
    [/^encoder\.layers\.(\d+)\.self_attn\.out_proj\./, 'transformer.resblocks.$1.attn.out_proj.'],
  ];
  const out: Record<string, Values> = {};
  for (const [full, values] of Object.entries(tensors)) {
    const name = full.replace(/^text_model\./, '');
    const [, layer, part, kind] = /^encoder\.layers\.(\d+)\.self_attn\.([qkv])_proj\.(weight|bias)$/.exec(name) ?? [];
    if (layer === undefined) out[rename(name, rules) ?? name] = values;
    else if (part === 'q') {
      const three = ['q', 'k', 'v'].map((one) => tensors[full.replace('.q_proj.', `.${one}_proj.`)]!);
      const shape = [3 * values.shape[0]!, ...values.shape.slice(1)];
      out[`transformer.resblocks.${layer}.attn.in_proj_${kind}`] = onDemand(shape, () => {
        const parts = three.map((one) => one.data);
        const data = new Float32Array(3 * parts[0]!.length);
        parts.forEach((one, i) => data.set(one, i * one.length));
        return data;
      });
    }
  }
  return out;
}
