/** Grounding DINO and SAM, as the paper segments: through @huggingface/transformers, loaded only when asked for. */
import { UserError } from '../errors.ts';
import type { Segmenter } from './segmenters.ts';

const detectorModel = 'onnx-community/grounding-dino-tiny-ONNX';
const segmenterModel = 'Xenova/slimsam-77-uniform';

interface Box {
  xmin: number;
  ymin: number;
  xmax: number;
  ymax: number;
}
/** What is used of @huggingface/transformers. */
export interface TransformersLibrary {
  RawImage: new (data: Uint8Array, width: number, height: number, channels: number) => unknown;
  pipeline: (task: 'zero-shot-object-detection', model: string) => Promise<Detector>;
  SamModel: { from_pretrained(model: string): Promise<(inputs: unknown) => Promise<{ pred_masks: unknown }>> };
  AutoProcessor: { from_pretrained(model: string): Promise<SamProcessor> };
}
type Detector = (picture: unknown, labels: string[], options: { threshold: number }) => Promise<{ score: number; box: Box }[]>;
interface SamProcessor {
  (picture: unknown, prompts: object): Promise<{ original_sizes: unknown; reshaped_input_sizes: unknown }>;
  post_process_masks(masks: unknown, sizes: unknown, reshaped: unknown): Promise<{ data: ArrayLike<number>; dims: number[] }[]>;
}

async function library(): Promise<TransformersLibrary> {
  const name = '@huggingface/transformers';
  return (await import(name).catch(() => {
    throw new UserError(`--segmenter grounded needs ${name}, which is not installed: run npm install ${name}, or choose another segmenter`);
  })) as TransformersLibrary;
}

/** Of SAM's candidate masks [k, h, w], the one whose extent fits the box best. */
export function bestMask(data: ArrayLike<number>, count: number, width: number, height: number, box: Box): number {
  let best = { at: 0, overlap: -1 };
  for (let k = 0; k < count; k++) {
    const found = { xmin: width, ymin: height, xmax: -1, ymax: -1 };
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        if (data[(k * height + y) * width + x]! > 0) {
          found.xmin = Math.min(found.xmin, x);
          found.xmax = Math.max(found.xmax, x + 1);
          found.ymin = Math.min(found.ymin, y);
          found.ymax = Math.max(found.ymax, y + 1);
        }
    const area = (b: Box): number => Math.max(0, b.xmax - b.xmin) * Math.max(0, b.ymax - b.ymin);
    const common = area({
      xmin: Math.max(found.xmin, box.xmin),
      ymin: Math.max(found.ymin, box.ymin),
      xmax: Math.min(found.xmax, box.xmax),
      ymax: Math.min(found.ymax, box.ymax),
    });
    const overlap = common / Math.max(1, area(found) + area(box) - common);
    if (overlap > best.overlap) best = { at: k, overlap };
  }
  return best.at;
}

/**
 * The class's box by Grounding DINO, then the subject in it by SAM, prompted at the box's centre. `load` is for tests.
 * What is not found has an empty mask.
 */
export async function groundedSegmenter(className: string, load: () => Promise<TransformersLibrary> = library): Promise<Segmenter> {
  const { RawImage, pipeline, SamModel, AutoProcessor } = await load();
  const detect = await pipeline('zero-shot-object-detection', detectorModel);
  const model = await SamModel.from_pretrained(segmenterModel);
  const processor = await AutoProcessor.from_pretrained(segmenterModel);
  return {
    name: 'grounded',
    id: `grounded:${className}`,
    async segment(picture) {
      const { width, height } = picture;
      const raw = new RawImage(picture.bytes, width, height, 3);
      const [found] = (await detect(raw, [`a ${className}.`], { threshold: 0.25 })).toSorted((a, b) => b.score - a.score);
      const bytes = new Uint8Array(width * height);
      if (found === undefined) return { bytes, width, height };
      const { box } = found;
      const inputs = await processor(raw, { input_points: [[[(box.xmin + box.xmax) / 2, (box.ymin + box.ymax) / 2]]] });
      const { pred_masks: predicted } = await model(inputs);
      const [masks] = await processor.post_process_masks(predicted, inputs.original_sizes, inputs.reshaped_input_sizes);
      const count = masks!.data.length / (width * height);
      const chosen = bestMask(masks!.data, count, width, height, box);
      for (let i = 0; i < bytes.length; i++) bytes[i] = masks!.data[chosen * width * height + i]! > 0 ? 255 : 0;
      return { bytes, width, height };
    },
    release: async () => undefined,
  };
}
