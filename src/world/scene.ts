/** Scenes: who, where, from which throw of the dice; drawn as SVG and rasterised. */
import sharp from 'sharp';
import { Random } from '../graph/random.ts';
import { contextOf } from './contexts.ts';
import type { Identity } from './identity.ts';
import { anchorsOf, drawBody, paintsOf } from './subjects.ts';
import { css, ellipse, group, hsl, path, polygon, rect, shade, star } from './svg.ts';

export interface Scene {
  identity: Identity;
  contextId: string;
  /** Pose, position and the accidents of the setting. */
  seed: number;
  /** For a studio: which of the plain settings; by default the seed decides. */
  studio?: number;
}

/** Plain settings, wall and floor. */
export const studios: readonly { wall: string; floor: string; words: string }[] = [
  { wall: '#c9ccd1', floor: '#b3b7bd', words: 'grey' },
  { wall: '#f3efe6', floor: '#e3dccd', words: 'cream' },
  { wall: '#bcd3e6', floor: '#9fbad1', words: 'light blue' },
  { wall: '#d9e8cf', floor: '#bdd3af', words: 'light green' },
  { wall: '#f4dcd0', floor: '#e2c0ae', words: 'peach' },
  { wall: '#55606c', floor: '#414a55', words: 'dark grey' },
  { wall: '#efe2a8', floor: '#dccb84', words: 'pale yellow' },
  { wall: '#a98d76', floor: '#8b6f59', words: 'light brown' },
  { wall: '#ffffff', floor: '#ededed', words: 'white' },
];
export const studioOf = (scene: Scene): number => scene.studio ?? new Random(scene.seed).fork('studio').integer(studios.length);

export const frame = (definition: string, content: string, size: number): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}" viewBox="0 0 100 100"><defs>${definition}</defs>${content}</svg>`;

function drops(random: Random): string {
  return Array.from({ length: 11 }, () => {
    const x = random.uniform(-24, 24);
    const y = random.uniform(-30, 28);
    return path(`M ${x.toFixed(1)} ${(y - 5).toFixed(1)} q 5 6 0 9 q -5 -3 0 -9 Z`, '#6fd0ff', 'stroke="#e8f8ff" stroke-width="0.9"');
  }).join('');
}

const gloss = (): string =>
  ellipse(-9, -12, 4.5, 13, '#ffffff', 'opacity="0.75" transform="rotate(24 -9 -12)"') +
  ellipse(8, 14, 3, 8, '#ffffff', 'opacity="0.6" transform="rotate(24 8 14)"') +
  [
    [20, -26, 11],
    [-25, 4, 9],
    [23, 16, 8],
  ]
    .map(([x, y, r]) => star(x!, y!, r!, '#e8a800') + star(x!, y!, r! * 0.72, '#ffffff'))
    .join('');

/** The parts of a scene: everything behind the subject, the subject, everything before it. */
function layers(scene: Scene): { definition: string; back: string; subject: string; front: string } {
  const { identity } = scene;
  const context = contextOf(scene.contextId);
  const random = new Random(scene.seed).fork('scene', scene.contextId);
  const pose = random.fork('pose');
  const outfit = context.type === 'outfit';
  const size = outfit ? pose.uniform(0.88, 1) : pose.uniform(0.82, 1.02);
  const x = 50 + pose.uniform(-7, 7);
  const y = (outfit ? 60 : 56) + pose.uniform(-2, 3) + 36 * (1 - size) * 0.7;
  const turn = pose.uniform(-5, 5);
  const flip = context.type !== 'outfit' && pose.chance(0.5) ? -1 : 1;
  const place = `translate(${x.toFixed(1)} ${y.toFixed(1)}) rotate(${turn.toFixed(1)}) scale(${(size * flip).toFixed(3)} ${size.toFixed(3)})`;
  const { definition, body } = drawBody(identity, context.tint);
  const plain = studios[studioOf(scene)]!;
  const back = context.back?.(random.fork('back')) ?? rect(0, 0, 100, 66, plain.wall) + rect(0, 66, 100, 34, plain.floor);
  const ground = ellipse(0, 36, 27, 4, '#000000', 'opacity="0.22"');
  let subject = body;
  let front = '';
  if (context.finish === 'cube') {
    const paints = paintsOf(identity, undefined);
    const edge = `stroke="${css(hsl(paints.primary.h, 20, 14))}" stroke-width="1.6" stroke-linejoin="round"`;
    subject =
      polygon(
        [
          [-30, -22],
          [-16, -36],
          [36, -36],
          [22, -22],
        ],
        css(shade(paints.primary, 14)),
        edge,
      ) +
      polygon(
        [
          [22, -22],
          [36, -36],
          [36, 20],
          [22, 36],
        ],
        css(shade(paints.primary, -12)),
        edge,
      ) +
      rect(-30, -22, 52, 58, 'url(#skin)', edge) +
      group(body, 'translate(-4 8) scale(0.62)');
  }
  if (context.finish === 'wet') front = ellipse(0, 37, 36, 6, '#58bdf2', 'opacity="0.85"') + ellipse(0, 37, 24, 3, '#c4ecff');
  const puddle = front;
  const over =
    context.finish === 'wet'
      ? drops(random.fork('drops'))
      : context.finish === 'shiny'
        ? gloss()
        : (context.wear?.(anchorsOf(identity.shape)) ?? '');
  return {
    definition,
    back: back + group(ground + puddle, place),
    subject: group(subject, place),
    front: group(over, place) + (context.front?.(random.fork('front')) ?? ''),
  };
}

export function sceneSvg(scene: Scene, size: number): string {
  const { definition, back, subject, front } = layers(scene);
  return frame(definition, back + subject + front, size);
}

/** RGB [size, size, 3] of a drawing. */
export const renderSvg = (svg: string): Promise<Uint8Array> => sharp(Buffer.from(svg)).removeAlpha().raw().toBuffer();

/** Where a drawing paints anything, [size, size]: 0 … 255. */
export const renderAlpha = (svg: string): Promise<Uint8Array> =>
  sharp(Buffer.from(svg)).ensureAlpha().extractChannel('alpha').raw().toBuffer();

/** RGB [size, size, 3] of a scene. */
export const renderScene = (scene: Scene, size = 64): Promise<Uint8Array> => renderSvg(sceneSvg(scene, size));

/** Share of each pixel that shows the subject, [size, size]: 0 … 255. What hides it (a scarf, water) does not count. */
export async function renderMask(scene: Scene, size = 64): Promise<Uint8Array> {
  const { definition, subject, front } = layers(scene);
  const alpha = (content: string): Promise<Uint8Array> => renderAlpha(frame(definition, content, size));
  const [visible, hidden] = await Promise.all([alpha(subject), front === '' ? undefined : alpha(front)]);
  return hidden === undefined ? visible : visible.map((v, i) => Math.round((v * (255 - hidden[i]!)) / 255));
}
