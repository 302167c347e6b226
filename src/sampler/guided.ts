/** Classifier-free guidance as a graph. */
import { add, concat, input, multiply, sliceAxis, subtract } from '../graph/ops.ts';
import type { Shape, Tensor } from '../graph/tensor.ts';
import { conditioning } from '../methods/method.ts';
import type { Adapted } from '../methods/method.ts';
import { unet } from '../models/unet.ts';
import type { UnetOptions } from '../models/unet.ts';

/**
 * The guided prediction for `latents` [B, C, H, W] from what is fed: timesteps [B], the text states `unconditional` and
 * `conditional` (of shape `text`), and the scale `guidance`. The U-Net sees unconditional texts in the first half of its batch.
 */
export function guidedPrediction({ unet: denoiser, layers }: Adapted, latents: Tensor, text: Shape, options: UnetOptions = {}): Tensor {
  const batch = latents.shape[0]!;
  const texts = ['unconditional', 'conditional'].map((name) => conditioning(input(name, text), layers));
  const both = (layer: number): Tensor =>
    concat(
      texts.map((one) => (typeof one === 'function' ? one(layer) : one)),
      0,
    );
  const conditions = layers === 1 ? both(0) : both;
  const predicted = unet(denoiser.parameters, denoiser.config, latents, input('timesteps', [batch]), conditions, options);
  const [plain, guided] = [sliceAxis(predicted, 0, 0, batch), sliceAxis(predicted, 0, batch, batch)];
  return add(plain, multiply(subtract(guided, plain), input('guidance', [])));
}
