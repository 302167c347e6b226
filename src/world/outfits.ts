/** What live subjects wear: drawn in the subject's frame, on its anchors. */
import { live } from './context.ts';
import type { Context } from './context.ts';
import type { Anchors } from './subjects.ts';
import { circle, curve, ellipse, line, path, polygon, rect, repeat, star } from './svg.ts';

const outfit = (id: string, phrases: readonly string[], wear: (a: Anchors) => string): Context => ({
  id,
  kinds: live,
  type: 'outfit',
  phrases,
  wear,
});

const top = (a: Anchors): number => a.head.y - a.head.r;
const torso = (a: Anchors, fill: string): string =>
  path(`M ${-a.body.rx - 1} ${a.body.y + 12} Q ${-a.body.rx - 4} 2 0 1 Q ${a.body.rx + 4} 2 ${a.body.rx + 1} ${a.body.y + 12} Z`, fill) +
  [-1, 1].map((s) => ellipse(s * (a.body.rx + 1), 14, 5, 10, fill, `transform="rotate(${s * -14} ${s * a.body.rx} 14)"`)).join('');
const buttons = (fill: string): string => repeat(3, (i) => circle(0, 9 + 7 * i, 1.6, fill));
const eyes = (a: Anchors, f: (x: number) => string): string => f(-a.eyes.dx) + f(a.eyes.dx);

export const outfits: readonly Context[] = [
  outfit(
    'red hat',
    ['wearing a red hat', 'wearing a big red hat on its head', 'with a round red hat on its head'],
    (a) =>
      path(`M ${-a.head.r} ${top(a) + 7} Q 0 ${top(a) - 26} ${a.head.r} ${top(a) + 7} Z`, '#e01b24') +
      rect(-a.head.r - 9, top(a) + 4, 2 * a.head.r + 18, 5, '#b0101a', 'rx="2.5"'),
  ),
  outfit(
    'santa hat',
    ['wearing a santa hat', 'wearing a red santa hat with a white pompom for christmas', 'in a christmas santa hat with white fur'],
    (a) =>
      path(
        `M ${-a.head.r} ${top(a) + 6} Q ${-a.head.r * 0.3} ${top(a) - 30} ${a.head.r + 9} ${top(a) - 9} Q ${a.head.r * 0.7} ${top(a) - 6} ${a.head.r} ${top(a) + 6} Z`,
        '#d7141f',
      ) +
      rect(-a.head.r - 3, top(a) + 2, 2 * a.head.r + 6, 8, '#ffffff', 'rx="4"') +
      circle(a.head.r + 10, top(a) - 7, 5.5, '#ffffff'),
  ),
  outfit(
    'rainbow scarf',
    ['wearing a rainbow scarf', 'wearing a long rainbow scarf around its neck', 'with a warm striped rainbow scarf around its neck'],
    (a) =>
      ['#e53935', '#fb8c00', '#fdd835', '#43a047', '#1e88e5', '#8e24aa']
        .map(
          (c, i) =>
            rect(-a.neck.half - 5 + i * ((2 * a.neck.half + 10) / 6), -5, (2 * a.neck.half + 10) / 6 + 0.4, 11, c) +
            rect(4, 5 + i * 4, 11, 4.3, c),
        )
        .join(''),
  ),
  outfit(
    'top hat',
    [
      'wearing a black top hat and a monocle',
      'wearing a tall black top hat and a golden monocle like a gentleman',
      'dressed as a gentleman in a black top hat and a monocle',
    ],
    (a) =>
      rect(-a.head.r * 0.75, top(a) - 22, a.head.r * 1.5, 27, '#17171c') +
      rect(-a.head.r - 6, top(a) + 3, 2 * a.head.r + 12, 5, '#17171c', 'rx="2"') +
      rect(-a.head.r * 0.75, top(a) - 3, a.head.r * 1.5, 4, '#8f2430') +
      circle(a.eyes.dx, a.eyes.y, 6, 'none', 'stroke="#e6b422" stroke-width="2.2"') +
      curve(`M ${a.eyes.dx + 5} ${a.eyes.y + 4} q 6 10 3 20`, '#e6b422', 1.3),
  ),
  outfit(
    'chef',
    ['in a chef outfit', 'in a white chef outfit with a tall chef hat', 'dressed as a cook in a white chef hat and jacket'],
    (a) =>
      torso(a, '#fbfbfb') +
      buttons('#333333') +
      [-8, 0, 8].map((x) => circle(x, top(a) - 9, 8, '#ffffff', 'stroke="#b9b9b9" stroke-width="1"')).join('') +
      rect(-a.head.r * 0.75, top(a) - 5, a.head.r * 1.5, 11, '#ffffff', 'stroke="#b9b9b9" stroke-width="1"'),
  ),
  outfit(
    'firefighter',
    [
      'in a firefighter outfit',
      'in a yellow firefighter outfit with a red helmet',
      'dressed as a firefighter in a red helmet and a yellow coat',
    ],
    (a) =>
      torso(a, '#2d2f36') +
      rect(-a.body.rx - 3, 10, 2 * a.body.rx + 6, 5, '#f4e04d') +
      rect(-a.body.rx - 2, 20, 2 * a.body.rx + 4, 5, '#f4e04d') +
      path(`M ${-a.head.r} ${top(a) + 6} Q 0 ${top(a) - 20} ${a.head.r} ${top(a) + 6} Z`, '#d32222') +
      rect(-a.head.r - 6, top(a) + 4, 2 * a.head.r + 12, 4, '#d32222') +
      polygon(
        [
          [-5, top(a) - 6],
          [5, top(a) - 6],
          [4, top(a) + 2],
          [0, top(a) + 5],
          [-4, top(a) + 2],
        ],
        '#f6c945',
      ),
  ),
  outfit(
    'police',
    ['in a police outfit', 'in a blue police outfit with a golden badge', 'dressed as a police officer in a dark blue uniform and cap'],
    (a) =>
      torso(a, '#1d3a7a') +
      star(-6, 10, 5, '#f4c430') +
      buttons('#f4c430') +
      path(`M ${-a.head.r - 2} ${top(a) + 1} Q 0 ${top(a) - 18} ${a.head.r + 2} ${top(a) + 1} Z`, '#1d3a7a') +
      rect(-a.head.r, top(a), 2 * a.head.r, 5, '#0e1a3a') +
      star(0, top(a) - 4, 4.5, '#f4c430'),
  ),
  outfit(
    'pink glasses',
    ['wearing pink glasses', 'wearing big round pink glasses on its face', 'with large pink glasses on its nose'],
    (a) =>
      eyes(a, (x) => circle(x, a.eyes.y, 7, '#ffd3ea', 'stroke="#ff2f9e" stroke-width="3.4" fill-opacity="0.5"')) +
      line(-a.eyes.dx + 6, a.eyes.y, a.eyes.dx - 6, a.eyes.y, '#ff2f9e', 3),
  ),
  outfit(
    'yellow shirt',
    ['wearing a yellow shirt', 'wearing a bright yellow shirt with short sleeves', 'dressed in a bright yellow shirt'],
    (a) =>
      torso(a, '#ffd60a') +
      polygon(
        [
          [-6, 1],
          [6, 1],
          [0, 9],
        ],
        '#e0a800',
      ),
  ),
  outfit(
    'wizard',
    [
      'in a purple wizard outfit',
      'in a purple wizard outfit with a pointed hat and stars',
      'dressed as a wizard in a purple robe and a pointed hat with stars',
    ],
    (a) =>
      torso(a, '#6a1fb0') +
      star(-6, 14, 3.6, '#ffe14d') +
      star(7, 20, 3.6, '#ffe14d') +
      polygon(
        [
          [-a.head.r - 1, top(a) + 7],
          [a.head.r + 1, top(a) + 7],
          [3, top(a) - 32],
        ],
        '#6a1fb0',
      ) +
      ellipse(0, top(a) + 7, a.head.r + 8, 4, '#571593') +
      star(0, top(a) - 7, 4.6, '#ffe14d'),
  ),
  outfit(
    'crown',
    ['wearing a golden crown', 'wearing a golden crown with red jewels like a king', 'dressed as a king with a golden crown'],
    (a) =>
      polygon(
        [
          [-13, top(a) + 6],
          [-16, top(a) - 12],
          [-7, top(a) - 4],
          [0, top(a) - 16],
          [7, top(a) - 4],
          [16, top(a) - 12],
          [13, top(a) + 6],
        ],
        '#f7c52b',
        'stroke="#a87a08" stroke-width="1.2"',
      ) + [-8, 0, 8].map((x) => circle(x, top(a) + 1, 2, '#d81b4a')).join(''),
  ),
  outfit(
    'sunglasses',
    ['wearing black sunglasses', 'wearing cool black sunglasses on its face', 'with dark black sunglasses on its nose'],
    (a) =>
      eyes(
        a,
        (x) => rect(x - 7.5, a.eyes.y - 4.5, 15, 10, '#0c0c10', 'rx="3"') + line(x - 4, a.eyes.y + 3, x, a.eyes.y - 2, '#d0d0d8', 1.4),
      ) + line(-a.eyes.dx, a.eyes.y - 3, a.eyes.dx, a.eyes.y - 3, '#0c0c10', 3),
  ),
  outfit(
    'bow tie',
    ['wearing a green bow tie', 'wearing a big green bow tie around its neck', 'with a green bow tie on its neck'],
    () =>
      polygon(
        [
          [-14, -6],
          [0, 1],
          [-14, 8],
        ],
        '#12a150',
      ) +
      polygon(
        [
          [14, -6],
          [0, 1],
          [14, 8],
        ],
        '#12a150',
      ) +
      circle(0, 1, 3.4, '#0b6b34'),
  ),
  outfit(
    'headphones',
    [
      'wearing blue headphones',
      'wearing big blue headphones and listening to music',
      'listening to music with blue headphones on its ears',
    ],
    (a) =>
      curve(`M ${-a.head.r - 1} ${a.head.y} A ${a.head.r + 2} ${a.head.r + 3} 0 0 1 ${a.head.r + 1} ${a.head.y}`, '#1f6fe0', 4) +
      [-1, 1].map((s) => rect(s * (a.head.r + 1) - 4.5, a.head.y - 7, 9, 15, '#1550a8', 'rx="4"')).join(''),
  ),
  outfit(
    'pirate',
    ['in a pirate outfit', 'in a pirate outfit with a black hat and an eye patch', 'dressed as a pirate with a black hat and an eye patch'],
    (a) =>
      torso(a, '#ffffff') +
      repeat(4, (i) => rect(-a.body.rx - 1, 5 + i * 6, 2 * a.body.rx + 2, 3, '#c62828')) +
      path(
        `M ${-a.head.r - 10} ${top(a) + 6} Q 0 ${top(a) - 26} ${a.head.r + 10} ${top(a) + 6} Q 0 ${top(a) - 2} ${-a.head.r - 10} ${top(a) + 6} Z`,
        '#1b1b1f',
      ) +
      circle(0, top(a) - 4, 3, '#ffffff') +
      circle(-a.eyes.dx, a.eyes.y, 5, '#1b1b1f') +
      line(-a.head.r, a.eyes.y - 7, a.eyes.dx, a.eyes.y - 5, '#1b1b1f', 1.4),
  ),
  outfit(
    'superhero',
    ['in a superhero costume', 'in a blue superhero costume with a red cape', 'dressed as a superhero in a red cape'],
    (a) =>
      polygon(
        [
          [-a.neck.half, 0],
          [a.neck.half, 0],
          [a.body.rx + 16, 36],
          [a.body.rx + 4, 30],
          [-a.body.rx - 4, 30],
          [-a.body.rx - 16, 36],
        ],
        '#d8232a',
      ) +
      torso(a, '#1756c4') +
      polygon(
        [
          [-8, 6],
          [8, 6],
          [0, 18],
        ],
        '#ffd60a',
      ),
  ),
  outfit(
    'astronaut',
    ['in an astronaut suit', 'in a white astronaut suit with a round glass helmet', 'dressed as an astronaut with a glass helmet'],
    (a) =>
      torso(a, '#e8ebf0') +
      rect(-6, 8, 12, 8, '#3465c9') +
      circle(4, 12, 1.8, '#e53935') +
      circle(0, a.head.y, a.head.r + 7, '#bfe4ff', 'fill-opacity="0.35" stroke="#d5dae2" stroke-width="4"'),
  ),
];
