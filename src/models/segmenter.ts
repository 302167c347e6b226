/** The judges' segmenter: a small convolutional U-Net from a picture to the subject's mask. */
import { add, concat } from '../graph/ops.ts';
import type { Tensor } from '../graph/tensor.ts';
import { convolution, groupNorm, silu, upsample2 } from '../nn/layers.ts';
import type { Parameters } from '../nn/parameters.ts';

const widths = [12, 24, 48, 64] as const;

function block(p: Parameters, x: Tensor, channels: number, stride = 1): Tensor {
  const h = silu(groupNorm(p.in('norm1'), convolution(p.in('conv1'), x, channels, 3, { padding: 1, stride }), 4));
  return add(h, silu(groupNorm(p.in('norm2'), convolution(p.in('conv2'), h, channels, 3, { padding: 1 }), 4)));
}

/** Pictures [B, 3, S, S] in [−1, 1] → logits of the mask [B, 1, S, S]. */
export function segmenter(p: Parameters, pixels: Tensor): Tensor {
  let h = pixels;
  const skips: Tensor[] = [];
  widths.forEach((width, i) => {
    h = block(p.in('down').in(i), h, width, i === 0 ? 1 : 2);
    skips.push(h);
  });
  skips.pop();
  widths
    .slice(0, -1)
    .toReversed()
    .forEach((width, i) => {
      h = block(p.in('up').in(i), concat([upsample2(h), skips.pop()!], 1), width);
    });
  return convolution(p.in('out'), h, 1, 3, { padding: 1 });
}
