/** Recipes: what a run is, as one JSON object; types, defaults and checks in one place. */
import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { UserError } from './errors.ts';

export const recipeSchema = z.strictObject({
  model: z.string().default('tiny').describe('a folder in diffusers’ layout, a .safetensors or .ckpt file, or tiny'),
  images: z.string().describe('a folder of pictures of the subject'),
  class: z.string().min(1).describe('what kind of thing the subject is, in a word or two'),
  method: z.string().min(1).default('ti').describe('customisation method'),
  token: z
    .string()
    .min(1)
    .default('<v>')
    .describe('word that stands for the subject in prompts: a new one, or a rare one, as the method asks'),
  vectors: z.int().min(1).max(16).default(1).describe('embedding vectors behind the placeholder'),
  initializer: z.string().optional().describe('word whose embedding the vectors start from; by default the class'),
  prompts: z.string().optional().describe('rich prompts, one a line, with {subject} where the subject stands'),
  lambda: z.number().min(0).max(100).default(1e-4).describe('weight λ of the MLM objective; 0 leaves it out'),
  lambdaBalance: z
    .number()
    .min(0)
    .max(100)
    .default(0)
    .describe(
      'above 0, λ is measured when the run begins: λ times the MLM objective’s gradient on the token is so many times the denoising objective’s',
    ),
  contextualizer: z.string().optional().describe('file of another contextualizer ψ than the model’s own'),
  maskRate: z.number().gt(0).lt(1).default(0.15).describe('share ρ of ordinary tokens that are masked'),
  steps: z.int().min(1).max(1_000_000).default(300),
  batchSize: z.int().min(1).max(256).default(4),
  accumulation: z.int().min(1).max(1024).default(1).describe('batches whose mean gradient makes one update'),
  promptBatch: z.int().min(1).max(512).default(16).describe('rich prompts per batch'),
  learningRate: z.number().positive().max(10).default(5e-3),
  tokenLearningRate: z.number().positive().max(10).optional().describe('learning rate of the placeholder’s vectors, where it is another'),
  maxGradientNorm: z.number().positive().default(1).describe('gradients are scaled down to this norm'),
  schedule: z.enum(['constant', 'cosine']).default('constant'),
  warmup: z.int().min(0).max(1_000_000).default(0).describe('steps over which the learning rate rises to its own'),
  ema: z.number().min(0).lt(1).default(0).describe('decay of the moving average of what is learned; 0 keeps the last values'),
  rank: z.int().min(1).max(256).default(4).describe('LoRA: rank of the added terms'),
  loraText: z.boolean().default(false).describe('LoRA: on the text encoder, too'),
  priorCount: z
    .int()
    .min(0)
    .max(10_000)
    .default(0)
    .describe('pictures of the class that the model is to keep drawing as it does; 0 for none'),
  priorImages: z.string().optional().describe('folder of such pictures; by default they are drawn first'),
  priorWeight: z.number().min(0).max(100).default(1).describe('weight of the loss on them'),
  also: z
    .array(
      z.strictObject({
        images: z.string(),
        class: z.string().min(1),
        token: z.string().min(1),
        prompts: z.string().optional(),
        initializer: z.string().optional(),
        masks: z.string().optional(),
      }),
    )
    .default([])
    .describe('further subjects that are learned in the same run, each with its own pictures and word'),
  masks: z.string().optional().describe('folder of masks, named as the pictures are: where the denoising loss counts'),
  flip: z.boolean().default(true).describe('show pictures mirrored, too'),
  crop: z.number().min(0.5).max(1).default(1).describe('smallest side of random crops, as a share of the picture'),
  scaledViews: z.boolean().optional().describe('show pictures smaller and larger, too, with words for it'),
  checkpointEvery: z.int().min(1).default(100),
  keepCheckpoints: z.int().min(1).optional().describe('how many of the latest checkpoints stay; 2 where nothing is said'),
  sampleEvery: z.int().min(0).default(100).describe('steps between sample pictures; 0 for none'),
  tokenizer: z.string().optional().describe('folder of CLIP’s tokenizer, for a single-file model that has none beside it'),
  prediction: z.enum(['epsilon', 'v']).optional().describe('what the U-Net predicts, where the model does not say it'),
  seed: z.int().min(0).default(0),
});
export type Recipe = z.infer<typeof recipeSchema>;

type Without<T> = T extends z.ZodDefault<infer Inner> ? Inner : T;
type Undefaulted = { [K in keyof typeof recipeSchema.shape]: z.ZodOptional<Without<(typeof recipeSchema.shape)[K]>> };

/** Some keys of a recipe. What is not said stays unsaid: no defaults come in, which would count as said. */
export const partialRecipeSchema = z.strictObject(
  Object.fromEntries(
    Object.entries(recipeSchema.shape).map(([key, type]) => [key, (type instanceof z.ZodDefault ? type.unwrap() : type).optional()]),
  ) as Undefaulted,
);

/** What a run learns: its subject, and those that are learned with it. */
export type SubjectRecipe = Pick<Recipe, 'images' | 'class' | 'token' | 'prompts' | 'initializer' | 'masks'>;
export const subjectsOf = (recipe: Recipe): readonly SubjectRecipe[] => [recipe, ...recipe.also];

/** What a schema expects where it found something else: "a whole number of at least 1 is expected". */
export function expectation(issue: z.core.$ZodIssue): string {
  const kinds: Record<string, string> = {
    number: 'a number',
    int: 'a whole number',
    string: 'a text',
    boolean: 'true or false',
    array: 'a list',
    object: 'an object',
  };
  if (issue.code === 'invalid_type') return `${kinds[issue.expected] ?? issue.expected} is expected`;
  if (issue.code === 'invalid_value') return `${issue.values.join(' or ')} is expected`;
  const { origin } = issue as { origin?: string };
  const bounded = (words: string, bound: number | bigint): string => {
    const [one, more] = origin === 'string' ? [' character', ' characters'] : origin === 'array' ? [' entry', ' entries'] : ['', ''];
    return more !== '' && bound !== 1 ? `${words} ${bound}${more} are expected` : `${words} ${bound}${one} is expected`;
  };
  if (issue.code === 'too_small') {
    if (origin === 'string' && issue.minimum === 1) return 'it must not be empty';
    return bounded(issue.inclusive === false ? 'more than' : 'at least', issue.minimum);
  }
  if (issue.code === 'too_big') return bounded(issue.inclusive === false ? 'less than' : 'at most', issue.maximum);
  return `${issue.message[0]!.toLowerCase()}${issue.message.slice(1)}`;
}

/** What stands at a path of an object, or of a list in it. */
export const valueAt = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], value);

/** A checked recipe; keys that are missing get the general defaults, whatever the method. Throws a UserError that names the first thing wrong with `value`. */
export function parseRecipe(value: unknown, where = 'the recipe'): Recipe {
  const result = recipeSchema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  if (issue.code === 'unrecognized_keys')
    throw new UserError(`${where} has the unknown key ${issue.keys[0]}; it takes ${Object.keys(recipeSchema.shape).join(', ')}`);
  const key = issue.path.join('.');
  const got = valueAt(value, issue.path);
  const name = key === 'lambda' ? 'lambda (λ)' : key === 'maskRate' ? 'maskRate (ρ)' : key;
  throw new UserError(`${where}: ${name} is ${got === undefined ? 'missing' : JSON.stringify(got)}: ${expectation(issue)}`);
}

/** "line 3, column 5": where a parser of JSON says that it stopped. */
function placeOf(text: string, message: string): string {
  const [, at] = /at position (\d+)/.exec(message) ?? [];
  if (at === undefined) return 'its end';
  const before = text.slice(0, Number(at)).split('\n');
  return `line ${before.length}, column ${before.at(-1)!.length + 1}`;
}

/** The keys that a recipe file holds, as they stand there: `completeRecipe` makes a checked recipe of them. */
export async function readKeys(path: string): Promise<Record<string, unknown>> {
  const text = await readFile(path, 'utf8').catch(() => {
    throw new UserError(`recipe ${path} cannot be read: name a JSON file`);
  });
  // Editors on Windows begin a file with a mark of its encoding.
  const json = text.replace(/^\uFEFF/, '');
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new UserError(
      `recipe ${path} is not JSON: see ${placeOf(json, (error as Error).message)} (no comments, no comma after the last key)`,
    );
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new UserError(`recipe ${path} holds ${Array.isArray(value) ? 'a list' : 'a single value'}: an object of keys is expected`);
}
