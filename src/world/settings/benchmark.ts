/** The scenes of DreamBooth's prompts. */
import { both, object, scene } from '../context.ts';
import type { Context } from '../context.ts';
import { circle, curve, ellipse, land, line, path, polygon, rect, repeat } from '../svg.ts';
import { clouds, flakes, flower, house, person, pine, planks, scatter, tower, tree, waves } from './shared.ts';

const leaf = (x: number, y: number, angle: number, size: number, fill: string): string =>
  `<g transform="translate(${x.toFixed(1)} ${y.toFixed(1)}) rotate(${angle.toFixed(0)})">${path(`M 0 0 Q ${size * 0.4} ${-size * 0.3} ${size} 0 Q ${size * 0.4} ${size * 0.3} 0 0`, fill)}</g>`;

export const benchmarkScenes: readonly Context[] = [
  scene(
    'jungle',
    both,
    [
      'in the jungle',
      'in the jungle among green palm leaves and hanging vines',
      'in a dense green jungle with hanging vines',
      'among palm leaves in a tropical jungle',
    ],
    (r) =>
      land('#2f7a3d', '#1f5a2a', 70) +
      scatter(r, 9, [0, 10, 100, 75], (x, y) => leaf(x, y, r.uniform(0, 360), 24, r.pick(['#3fa34d', '#58b957', '#1e6b30', '#7ac74f']))) +
      repeat(4, (i) => curve(`M ${10 + 27 * i} 0 q ${r.uniform(-8, 8)} 18 ${r.uniform(-4, 4)} ${r.uniform(26, 44)}`, '#8bc34a', 2)),
    (r) =>
      repeat(
        2,
        (i) =>
          leaf(i * 100, 96, i === 0 ? -40 : -140, 32, '#4caf50') +
          leaf(i * 100, 88, i === 0 ? -15 : -165, 26, r.pick(['#66bb6a', '#2e7d32'])),
      ),
  ),
  scene(
    'snow',
    both,
    [
      'in the snow',
      'in the snow under falling snowflakes',
      'in a snowy pine forest under falling snow',
      'on white snow in cold winter weather',
    ],
    (r) =>
      land('#bcd7ea', '#fbfdff', 55) +
      repeat(4, (i) => pine(8 + i * 28 + r.uniform(-5, 5), 60, r.uniform(26, 38), '#3f6f63')) +
      ellipse(20, 62, 30, 6, '#eef6fb'),
    (r) => flakes(r, 26) + ellipse(50, 99, 46, 6, '#ffffff'),
  ),
  scene(
    'beach',
    both,
    [
      'on the beach',
      'on the beach beside the blue sea under a palm tree',
      'on a sandy beach with sea waves and a palm tree',
      'on golden sand by the blue sea',
    ],
    (r) =>
      rect(0, 0, 100, 40, '#8fd8f5') +
      circle(r.uniform(15, 85), 12, 8, '#ffe45c') +
      rect(0, 34, 100, 26, '#2596d1') +
      waves(40, '#c9f0ff', 3) +
      rect(0, 58, 100, 42, '#f4d58d') +
      curve('M 90 66 Q 84 40 88 22', '#8a5a2b', 4) +
      repeat(5, (i) => leaf(88, 22, -200 + i * 55, 18, '#2f9e44')),
  ),
  scene(
    'cobblestone',
    both,
    ['on a cobblestone street', 'on a cobblestone street between old stone houses', 'on grey cobblestones in an old town street'],
    (r) =>
      rect(0, 0, 100, 50, '#d9cbb6') +
      repeat(3, (i) => rect(4 + i * 33, 8, 26, 42, r.pick(['#c48f65', '#b5a07c', '#cfa77b'])) + rect(11 + i * 33, 16, 10, 12, '#6d4c35')) +
      rect(0, 48, 100, 52, '#5d6068') +
      repeat(7, (j) => repeat(9, (i) => ellipse(i * 13 + (j % 2) * 6, 53 + j * 7.5, 5.4, 3.1, r.pick(['#8d9199', '#a4a8b0', '#787c85'])))),
  ),
  scene(
    'pink fabric',
    both,
    ['on top of pink fabric', 'on top of pink fabric with soft folds', 'on a sheet of soft pink cloth', 'lying on folded pink silk fabric'],
    () =>
      rect(0, 0, 100, 100, '#f59ac0') +
      repeat(6, (i) => curve(`M ${-10 + i * 22} 0 Q ${10 + i * 20} 50 ${-14 + i * 24} 100`, i % 2 ? '#fbc4da' : '#e0709f', 4)),
  ),
  scene(
    'wooden floor',
    both,
    ['on top of a wooden floor', 'on top of a wooden floor with brown planks', 'on the brown wooden planks of a floor in a living room'],
    (r) => rect(0, 0, 100, 46, r.pick(['#efe6d5', '#e6ded0'])) + rect(0, 42, 100, 4, '#ffffff') + planks(46, '#c1864a', '#7e4f22'),
  ),
  scene(
    'city',
    both,
    [
      'with a city in the background',
      'with a city of tall buildings in the background',
      'with skyscrapers of a big city in the background',
      'in front of a city skyline of tall buildings',
    ],
    (r) =>
      land('#a9cbe8', '#7f858c', 68) +
      repeat(7, (i) => tower(r, i * 15 - 3, 13, r.uniform(28, 62), 68, r.pick(['#5f6f86', '#77869c', '#4d5a70']), '#ffe9a3')),
  ),
  scene(
    'mountain',
    both,
    [
      'with a mountain in the background',
      'with a snowy mountain in the background',
      'in front of a tall mountain with a snowy peak',
      'with high mountain peaks in the background',
    ],
    (r) => {
      const peak = r.uniform(35, 65);
      return (
        land('#9fd0f2', '#7fae5a', 66) +
        polygon(
          [
            [peak - 55, 68],
            [peak, 6],
            [peak + 55, 68],
          ],
          '#6c7489',
        ) +
        polygon(
          [
            [peak - 17, 25],
            [peak, 6],
            [peak + 17, 25],
            [peak + 6, 21],
            [peak, 28],
            [peak - 7, 21],
          ],
          '#ffffff',
        )
      );
    },
  ),
  scene(
    'blue house',
    both,
    [
      'with a blue house in the background',
      'with a small blue house in the background',
      'in front of a blue house with a white door and windows',
    ],
    (r) => land('#cfe9f7', '#86b95f', 64) + house(r.uniform(6, 44), 66, 46, 34, '#2f6fd0', '#1d3f86'),
  ),
  scene(
    'purple rug',
    both,
    [
      'on top of a purple rug in a forest',
      'on a round purple rug between forest trees',
      'on top of a purple carpet in a green forest of trees',
    ],
    (r) =>
      land('#9fc98a', '#4d7d3a', 52) +
      repeat(5, (i) => rect(4 + i * 22 + r.uniform(-4, 4), 0, 7, 58, '#5f4127')) +
      rect(0, 0, 100, 14, '#3f7f3a') +
      ellipse(50, 86, 47, 14, '#8e3fc0') +
      ellipse(50, 86, 38, 10, '#b06be0'),
  ),
  scene(
    'wheat field',
    object,
    ['with a wheat field in the background', 'in front of a golden wheat field', 'with a field of ripe golden wheat in the background'],
    (r) =>
      land('#9bd4f5', '#d9a52b', 46) +
      repeat(
        34,
        (i) => line(i * 3, 70, i * 3 + r.uniform(-2, 2), 42, '#f2c94c', 1.3) + ellipse(i * 3 + r.uniform(-1, 1), 41, 1.4, 4, '#f7d774'),
      ) +
      rect(0, 70, 100, 30, '#b98a2a'),
  ),
  scene(
    'autumn',
    object,
    [
      'with a tree and autumn leaves in the background',
      'under a tree with falling autumn leaves',
      'with orange and red autumn leaves under a tree in the background',
    ],
    (r) =>
      land('#f6e2bd', '#b0793b', 62) +
      tree(r.uniform(14, 26), 66, 62, '#e8701a') +
      tree(r.uniform(76, 88), 66, 58, '#c93a1c') +
      scatter(r, 24, [0, 30, 100, 99], (x, y) => leaf(x, y, r.uniform(0, 360), 6, r.pick(['#e8701a', '#d32f2f', '#f9a825']))),
  ),
  scene(
    'Eiffel Tower',
    object,
    [
      'with the Eiffel Tower in the background',
      'in Paris with the Eiffel Tower in the background',
      'in front of the tall iron Eiffel Tower of Paris',
    ],
    (r) => {
      const x = r.pick([20, 80]);
      return (
        land('#bfe0f5', '#8fbf6a', 70) +
        clouds(r, 2) +
        path(
          `M ${x - 19} 72 Q ${x - 4} 50 ${x - 2} 4 L ${x + 2} 4 Q ${x + 4} 50 ${x + 19} 72 L ${x + 11} 72 Q ${x} 54 ${x - 11} 72 Z`,
          '#6b4a33',
        ) +
        rect(x - 11, 48, 22, 3.4, '#4e3422') +
        rect(x - 6, 28, 12, 3, '#4e3422')
      );
    },
  ),
  scene(
    'water',
    object,
    ['floating on top of water', 'floating on the blue water of a calm lake', 'floating on blue water with small waves'],
    () => rect(0, 0, 100, 30, '#cdeefd') + rect(0, 28, 100, 72, '#2f8fd8') + waves(34, '#8fd0f7', 10),
    () => rect(0, 84, 100, 16, '#2f8fd8', 'opacity="0.9"') + waves(86, '#bfe6fb', 3),
  ),
  scene(
    'milk',
    object,
    ['floating in an ocean of milk', 'floating in an ocean of white milk', 'floating in creamy white milk with milk splashes'],
    (r) =>
      rect(0, 0, 100, 24, '#7fb4e6') +
      rect(0, 22, 100, 78, '#fdfbf2') +
      waves(30, '#e2dccb', 9) +
      scatter(r, 6, [8, 8, 92, 26], (x, y) => circle(x, y, 2.6, '#fdfbf2')),
    () =>
      path('M 0 84 q 12 -8 25 0 t 25 0 t 25 0 t 25 0 V 100 H 0 Z', '#fffdf6') +
      curve('M 0 88 q 12 -8 25 0 t 25 0 t 25 0 t 25 0', '#ded7c4', 1.6),
  ),
  scene(
    'sunflowers',
    object,
    [
      'on top of green grass with sunflowers around it',
      'on green grass between tall yellow sunflowers',
      'in a meadow of yellow sunflowers on green grass',
    ],
    (r) =>
      land('#aee0f7', '#55b03f', 46) + repeat(6, (i) => flower(6 + i * 18 + r.uniform(-3, 3), r.uniform(30, 52), '#ffc71f', '#5b3413', 6)),
    (r) => repeat(2, (i) => flower(9 + i * 82, r.uniform(74, 84), '#ffc71f', '#5b3413', 7)),
  ),
  scene(
    'mirror',
    object,
    ['on top of a mirror', 'on top of a shining mirror in a golden frame', 'on a round glass mirror with a golden frame'],
    () =>
      rect(0, 0, 100, 100, '#8a6f86') +
      ellipse(50, 78, 49, 21, '#d9a520') +
      ellipse(50, 78, 44, 17, '#d8f0fa') +
      polygon(
        [
          [22, 86],
          [40, 64],
          [48, 63],
          [30, 90],
        ],
        '#ffffff',
      ) +
      polygon(
        [
          [66, 92],
          [82, 68],
          [86, 70],
          [72, 93],
        ],
        '#ffffff',
      ),
  ),
  scene(
    'sidewalk',
    object,
    [
      'on top of the sidewalk in a crowded street',
      'on the sidewalk of a crowded street full of people',
      'on the pavement among a crowd of walking people',
    ],
    (r) =>
      rect(0, 0, 100, 60, '#b9aea3') +
      repeat(8, (i) => person(6 + i * 13, r.uniform(52, 62), r.pick(['#d64545', '#3b6fb6', '#e0a030', '#4a9a5c', '#8e4fa8']), '#2f3440')) +
      rect(0, 62, 100, 38, '#c9c9c9') +
      repeat(4, (i) => line(i * 33, 62, i * 38 - 12, 100, '#9a9a9a', 1.2)) +
      line(0, 80, 100, 80, '#9a9a9a', 1.2),
  ),
  scene(
    'dirt road',
    object,
    ['on top of a dirt road', 'on a dusty brown dirt road across green hills', 'on a dirt road through the countryside'],
    (r) =>
      land('#bfe3f5', '#79b356', 44) +
      ellipse(20, 46, 32, 9, '#6aa348') +
      ellipse(85, 46, 30, 8, '#8cc468') +
      polygon(
        [
          [44, 44],
          [56, 44],
          [102, 100],
          [-2, 100],
        ],
        '#9a6a3c',
      ) +
      scatter(r, 14, [20, 72, 80, 99], (x, y) => ellipse(x, y, 2, 1.2, '#6f4724')),
  ),
  scene(
    'white rug',
    object,
    ['on top of a white rug', 'on top of a fluffy white rug in a bedroom', 'on a soft white fluffy carpet'],
    (r) =>
      rect(0, 0, 100, 54, r.pick(['#8fa7b3', '#9db0a0'])) +
      rect(0, 52, 100, 48, '#6f4a2f') +
      ellipse(50, 83, 49, 16, '#ffffff') +
      repeat(22, (i) => circle(50 + 47 * Math.cos(i * 0.286), 83 + 15 * Math.sin(i * 0.286), 3, '#ffffff')) +
      ellipse(50, 83, 38, 10, '#eeeeee'),
  ),
];
