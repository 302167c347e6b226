/** Things that several settings have: trees, houses, floors, drops. */
import type { Random } from '../../graph/random.ts';
import { circle, ellipse, line, polygon, rect, repeat } from '../svg.ts';

export const scatter = (
  random: Random,
  count: number,
  box: readonly [number, number, number, number],
  f: (x: number, y: number) => string,
): string => repeat(count, () => f(random.uniform(box[0], box[2]), random.uniform(box[1], box[3])));

export const clouds = (random: Random, count = 3): string =>
  scatter(random, count, [8, 5, 92, 24], (x, y) => ellipse(x, y, 11, 4, '#ffffff') + ellipse(x + 5, y - 3, 7, 4, '#ffffff'));

export const pine = (x: number, y: number, h: number, fill: string): string =>
  rect(x - 1.5, y - 4, 3, 6, '#5b3b22') +
  repeat(3, (i) => {
    const base = y - 3 - (i * h) / 4;
    const half = h * 0.32 * (1 - i * 0.22);
    return polygon(
      [
        [x - half, base],
        [x + half, base],
        [x, base - h * 0.45],
      ],
      fill,
    );
  });

export const tree = (x: number, y: number, h: number, leaves: string): string =>
  rect(x - h * 0.07, y - h * 0.5, h * 0.14, h * 0.5, '#6b4426') +
  circle(x, y - h * 0.72, h * 0.3, leaves) +
  circle(x - h * 0.22, y - h * 0.55, h * 0.2, leaves) +
  circle(x + h * 0.22, y - h * 0.55, h * 0.2, leaves);

export const house = (x: number, y: number, w: number, h: number, wall: string, roof: string): string =>
  rect(x, y - h, w, h, wall) +
  polygon(
    [
      [x - 3, y - h],
      [x + w / 2, y - h * 1.65],
      [x + w + 3, y - h],
    ],
    roof,
  ) +
  rect(x + w * 0.4, y - h * 0.5, w * 0.2, h * 0.5, '#5a3a22') +
  rect(x + w * 0.1, y - h * 0.8, w * 0.2, h * 0.25, '#fff6c2') +
  rect(x + w * 0.7, y - h * 0.8, w * 0.2, h * 0.25, '#fff6c2');

export const tower = (random: Random, x: number, w: number, h: number, y: number, wall: string, windows: string): string =>
  rect(x, y - h, w, h, wall) +
  repeat(Math.floor(h / 7), (i) =>
    repeat(2, (j) => (random.chance(0.8) ? rect(x + w * (0.18 + 0.4 * j), y - h + 3 + 7 * i, w * 0.22, 3, windows) : '')),
  );

export const planks = (y: number, light: string, dark: string): string =>
  rect(0, y, 100, 100 - y, light) +
  repeat(7, (i) => line(50 + (i - 3) * 14, y, 50 + (i - 3) * 30, 100, dark, 1)) +
  line(0, y + 12, 100, y + 12, dark, 0.7) +
  line(0, y + 26, 100, y + 26, dark, 0.7);

export const waves = (y: number, fill: string, count = 6): string =>
  repeat(
    count,
    (i) =>
      `<path d="M -5 ${y + i * 6} q 7 -4 14 0 t 14 0 t 14 0 t 14 0 t 14 0 t 14 0 t 14 0 t 14 0" fill="none" stroke="${fill}" stroke-width="1.6"/>`,
  );

export const flower = (x: number, y: number, petals: string, heart: string, r = 3.4): string =>
  line(x, y, x, y + 9, '#2f7d32', 1.4) +
  repeat(6, (i) => circle(x + r * Math.cos(i * 1.047), y + r * Math.sin(i * 1.047), r * 0.62, petals)) +
  circle(x, y, r * 0.6, heart);

export const person = (x: number, y: number, shirt: string, trousers: string): string =>
  circle(x, y - 25, 4, '#e0b08c') +
  rect(x - 4.5, y - 21, 9, 12, shirt) +
  rect(x - 4, y - 9, 3.4, 10, trousers) +
  rect(x + 0.6, y - 9, 3.4, 10, trousers);

export const stars = (random: Random, count: number): string =>
  scatter(random, count, [0, 0, 100, 60], (x, y) => circle(x, y, random.uniform(0.5, 1.2), '#ffffff'));
export const flakes = (random: Random, count: number): string =>
  scatter(random, count, [0, 0, 100, 100], (x, y) => circle(x, y, 1.3, '#ffffff'));
