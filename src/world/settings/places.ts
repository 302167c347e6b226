/** Town, home and feast: scenes beyond the benchmark's. */
import { both, scene } from '../context.ts';
import type { Context } from '../context.ts';
import { circle, curve, ellipse, land, line, path, polygon, rect, repeat, star } from '../svg.ts';
import { clouds, flakes, flower, house, pine, planks, scatter, tower, waves } from './shared.ts';

const checks = (y: number, a: string, b: string, size = 12): string =>
  rect(0, y, 100, 100 - y, a) +
  repeat(9, (i) => repeat(Math.ceil((100 - y) / size), (j) => ((i + j) % 2 ? rect(i * size, y + j * size, size, size, b) : '')));

export const placeScenes: readonly Context[] = [
  scene(
    'night city',
    both,
    ['in a city at night', 'in a big city at night with neon lights', 'among neon lights of a city street at night'],
    (r) =>
      land('#150f2e', '#241c3b', 70) +
      repeat(7, (i) => tower(r, i * 15 - 3, 13, r.uniform(34, 66), 70, '#241a45', r.pick(['#ff3fd0', '#35e8ff', '#ffe14d']))),
  ),
  scene(
    'castle',
    both,
    ['in front of a castle', 'in front of an old stone castle with tall towers', 'with a royal stone castle in the background'],
    () =>
      land('#b9dcf4', '#6fa64f', 70) +
      rect(14, 36, 72, 36, '#9a9aa6') +
      [8, 78]
        .map(
          (x) =>
            rect(x, 20, 16, 52, '#83838f') +
            polygon(
              [
                [x - 3, 20],
                [x + 8, 2],
                [x + 19, 20],
              ],
              '#c0392b',
            ),
        )
        .join('') +
      repeat(6, (i) => rect(22 + i * 10, 30, 6, 7, '#9a9aa6')),
  ),
  scene(
    'lighthouse',
    both,
    ['beside a lighthouse', 'beside a red and white lighthouse by the sea', 'with a striped lighthouse on the sea coast in the background'],
    () =>
      rect(0, 0, 100, 54, '#a8dbf5') +
      rect(0, 50, 100, 50, '#2c86bd') +
      waves(56, '#9fd3ef', 3) +
      polygon(
        [
          [0, 72],
          [100, 66],
          [100, 100],
          [0, 100],
        ],
        '#7d8a5a',
      ) +
      repeat(5, (i) => rect(76 - i * 0.2, 12 + i * 11, 16, 11, i % 2 ? '#ffffff' : '#e0282e')) +
      rect(79, 4, 10, 8, '#ffe14d'),
  ),
  scene(
    'bridge',
    both,
    [
      'in front of a red bridge',
      'in front of a long red bridge over the water',
      'with a red suspension bridge over a bay in the background',
    ],
    () =>
      land('#c3def0', '#3c86b8', 54) +
      [22, 78].map((x) => rect(x - 3, 6, 6, 56, '#c8372d')).join('') +
      rect(0, 44, 100, 5, '#c8372d') +
      curve('M 0 26 Q 10 40 22 8 Q 50 64 78 8 Q 90 40 100 26', '#c8372d', 2) +
      waves(62, '#8fc0de', 5),
  ),
  scene(
    'football',
    both,
    ['on a football field', 'on a green football field in front of a goal', 'in a stadium on the green grass of a football field'],
    () =>
      rect(0, 0, 100, 32, '#59708c') +
      repeat(8, (i) => rect(0, 32 + i * 9, 100, 9, i % 2 ? '#3fa548' : '#57bf5e')) +
      rect(20, 14, 60, 30, 'none', 'stroke="#fff" stroke-width="3"') +
      repeat(7, (i) => line(24 + i * 9, 15, 24 + i * 9, 43, '#dbe4ea', 0.8)) +
      circle(86, 86, 6, '#ffffff', 'stroke="#222" stroke-width="1.4"'),
  ),
  scene(
    'barn',
    both,
    ['in front of a red barn', 'in front of a big red barn on a farm', 'on a farm with a red barn and a fence in the background'],
    () =>
      land('#b8e0f6', '#84ba55', 66) +
      rect(18, 30, 64, 38, '#b3261e') +
      polygon(
        [
          [12, 32],
          [50, 6],
          [88, 32],
        ],
        '#7d1712',
      ) +
      rect(38, 42, 24, 26, '#ffffff') +
      rect(40, 44, 20, 24, '#8e1c16') +
      line(40, 44, 60, 68, '#fff', 2) +
      repeat(6, (i) => rect(i * 18, 66, 4, 14, '#f3efe4')) +
      rect(0, 70, 100, 3, '#f3efe4'),
  ),
  scene(
    'railway',
    both,
    ['on a railway track', 'on an old railway track with wooden sleepers', 'on the rails in front of a steam train'],
    () =>
      land('#cfe0ea', '#9c8f7a', 44) +
      repeat(6, (i) => rect(28 - i * 5, 50 + i * 9, 44 + i * 10, 4, '#5d3f26')) +
      line(42, 44, 18, 100, '#4a4f57', 3) +
      line(58, 44, 82, 100, '#4a4f57', 3) +
      rect(38, 18, 24, 26, '#20252c', 'rx="5"') +
      circle(50, 28, 6, '#ffe9a3') +
      circle(46, 8, 7, '#e8e8e8'),
  ),
  scene(
    'christmas tree',
    both,
    [
      'in front of a christmas tree',
      'beside a decorated christmas tree with lights and gifts',
      'in front of a green christmas tree with a golden star',
    ],
    (r) =>
      rect(0, 0, 100, 74, '#7a2b2b') +
      rect(0, 72, 100, 28, '#8a5a33') +
      [20, 82]
        .map(
          (x) =>
            pine(x, 78, 62, '#1e7a3c') +
            star(x, 22, 6, '#ffd93b') +
            scatter(r, 8, [x - 12, 36, x + 12, 70], (a, b) => circle(a, b, 2.2, r.pick(['#ff4d4d', '#ffd93b', '#4db8ff']))),
        )
        .join('') +
      rect(40, 66, 12, 10, '#d81b60') +
      line(46, 66, 46, 76, '#fff', 2),
  ),
  scene(
    'birthday',
    both,
    ['at a birthday party', 'at a birthday party with colorful balloons and confetti', 'with birthday balloons and paper confetti'],
    (r) =>
      rect(0, 0, 100, 100, '#fff0d6') +
      [
        [10, 22, '#e53935'],
        [26, 12, '#1e88e5'],
        [76, 12, '#fdd835'],
        [90, 24, '#43a047'],
      ]
        .map(
          ([x, y, c]) =>
            line(x as number, y as number, x as number, 80, '#999', 0.8) + ellipse(x as number, y as number, 8, 10, c as string),
        )
        .join('') +
      scatter(r, 26, [0, 0, 100, 100], (x, y) => rect(x, y, 2.6, 2.6, r.pick(['#e53935', '#8e24aa', '#1e88e5', '#fb8c00']))),
  ),
  scene(
    'fireworks',
    both,
    ['under fireworks', 'under bright fireworks in the dark night sky', 'at new year with colorful fireworks in the sky'],
    () =>
      rect(0, 0, 100, 100, '#0d1130') +
      [
        [18, 22, '#ff5252'],
        [80, 18, '#ffe14d'],
        [50, 12, '#4dd7ff'],
        [8, 60, '#b388ff'],
        [94, 56, '#69f0ae'],
      ]
        .map(([x, y, c]) =>
          repeat(10, (i) =>
            line(
              (x as number) + 4 * Math.cos(i * 0.628),
              (y as number) + 4 * Math.sin(i * 0.628),
              (x as number) + 13 * Math.cos(i * 0.628),
              (y as number) + 13 * Math.sin(i * 0.628),
              c as string,
              1.7,
            ),
          ),
        )
        .join('') +
      rect(0, 84, 100, 16, '#1c2038'),
  ),
  scene(
    'kitchen',
    both,
    ['in a kitchen', 'in a kitchen with white tiles and a stove', 'on the kitchen table beside pots and pans'],
    () =>
      rect(0, 0, 100, 60, '#e9f0f2') +
      repeat(7, (i) => line(i * 16, 0, i * 16, 60, '#b4c4ca', 1) + line(0, i * 10, 100, i * 10, '#b4c4ca', 1)) +
      rect(62, 30, 34, 40, '#d8d8dc') +
      rect(66, 44, 26, 20, '#2b2f36') +
      rect(6, 34, 18, 14, '#c0392b') +
      line(24, 38, 34, 36, '#333', 3) +
      rect(0, 66, 100, 34, '#c9975b'),
  ),
  scene(
    'library',
    both,
    ['in a library', 'in a library in front of shelves full of books', 'between shelves of old books in a library'],
    (r) =>
      rect(0, 0, 100, 74, '#5b3a20') +
      repeat(
        3,
        (j) =>
          repeat(17, (i) =>
            rect(
              2 + i * 5.8,
              4 + j * 24 + r.uniform(0, 4),
              5,
              17,
              r.pick(['#b3392f', '#2f6fa8', '#3d8b50', '#d9a33a', '#7b4a9e', '#e6dcc3']),
            ),
          ) + rect(0, 24 + j * 24, 100, 3, '#8a5a33'),
      ) +
      rect(0, 75, 100, 25, '#7b5232'),
  ),
  scene(
    'sofa',
    both,
    ['on a blue sofa', 'on a soft blue sofa in a living room', 'sitting on a blue sofa with cushions'],
    () =>
      rect(0, 0, 100, 100, '#efe3cf') +
      rect(4, 30, 92, 46, '#2c5fb3', 'rx="10"') +
      rect(-2, 50, 16, 44, '#234f99', 'rx="6"') +
      rect(86, 50, 16, 44, '#234f99', 'rx="6"') +
      rect(10, 70, 80, 24, '#3a72cc', 'rx="5"') +
      rect(14, 48, 18, 18, '#ffd166', 'rx="3"'),
  ),
  scene(
    'bathtub',
    both,
    ['in a bathtub', 'in a white bathtub full of foam and soap bubbles', 'taking a bath in a tub with soap bubbles'],
    (r) =>
      rect(0, 0, 100, 100, '#9fe0d6') +
      scatter(r, 12, [0, 0, 100, 56], (x, y) => circle(x, y, 3.4, 'none', 'stroke="#ffffff" stroke-width="1.2"')) +
      rect(2, 60, 96, 40, '#ffffff', 'rx="12"'),
    () =>
      [6, 20, 36, 52, 66, 82, 95].map((x, i) => circle(x, 80 + (i % 2) * 4, 10, '#f4fbff', 'stroke="#cfe6ee" stroke-width="1"')).join(''),
  ),
  scene(
    'stage',
    both,
    ['on a stage', 'on a theater stage with red curtains and a spotlight', 'under a bright spotlight on stage between red curtains'],
    () =>
      rect(0, 0, 100, 100, '#2a1018') +
      polygon(
        [
          [42, 0],
          [58, 0],
          [92, 92],
          [8, 92],
        ],
        '#fff2b8',
        'opacity="0.75"',
      ) +
      [0, 82]
        .map((x) => rect(x, 0, 18, 82, '#b3121d') + line(x + 6, 0, x + 6, 82, '#7d0a13', 2) + line(x + 12, 0, x + 12, 82, '#7d0a13', 2))
        .join('') +
      rect(0, 0, 100, 10, '#b3121d') +
      rect(0, 84, 100, 16, '#8a5a33'),
  ),
  scene(
    'brick wall',
    both,
    ['in front of a brick wall', 'in front of an old red brick wall', 'beside a wall of red bricks'],
    () =>
      rect(0, 0, 100, 76, '#d9c7b8') +
      repeat(9, (j) => repeat(7, (i) => rect(i * 17 - (j % 2) * 8, j * 8.5, 15.4, 7, '#b5482f'))) +
      rect(0, 76, 100, 24, '#8c8c8c'),
  ),
  scene(
    'graffiti',
    both,
    ['in front of a graffiti wall', 'in front of a wall with colorful graffiti paint', 'beside street art and spray paint on a wall'],
    (r) =>
      rect(0, 0, 100, 76, '#a7adb5') +
      repeat(7, () =>
        curve(
          `M ${r.uniform(0, 100).toFixed(0)} ${r.uniform(5, 65).toFixed(0)} q 14 -26 22 0 t 20 4`,
          r.pick(['#ff2fa0', '#21d0ff', '#ffe600', '#32d65b', '#8a2be2']),
          5,
        ),
      ) +
      rect(0, 76, 100, 24, '#6c7076'),
  ),
  scene(
    'crosswalk',
    both,
    ['on a zebra crossing', 'on a zebra crossing at a traffic light', 'crossing the road at a red traffic light'],
    () =>
      land('#bcd0de', '#4a4d53', 50) +
      repeat(6, (i) =>
        polygon(
          [
            [6 + i * 17, 62],
            [15 + i * 17, 62],
            [14 + i * 18.5, 100],
            [2 + i * 18.5, 100],
          ],
          '#ffffff',
        ),
      ) +
      rect(80, 6, 14, 34, '#22252b', 'rx="3"') +
      circle(87, 12, 4, '#ff3b30') +
      circle(87, 23, 4, '#ffd60a') +
      circle(87, 34, 4, '#34c759') +
      rect(85.5, 40, 3, 22, '#22252b'),
  ),
  scene(
    'harbour',
    both,
    ['in a harbour', 'in a harbour with white sailing boats', 'at the harbour in front of sailing boats on the sea'],
    () =>
      land('#bde6fa', '#2b7fc0', 44) +
      [18, 56, 86]
        .map(
          (x, i) =>
            polygon(
              [
                [x - 13, 48],
                [x + 13, 48],
                [x + 8, 56],
                [x - 8, 56],
              ],
              ['#8a4b2a', '#c0392b', '#2d3e50'][i]!,
            ) +
            polygon(
              [
                [x, 46],
                [x, 10],
                [x + 12, 44],
              ],
              '#ffffff',
            ) +
            line(x, 48, x, 8, '#5b3a22', 1.4),
        )
        .join('') +
      planks(76, '#b98a58', '#76512b'),
  ),
  scene(
    'pool',
    both,
    ['in a swimming pool', 'in a blue swimming pool with a striped ring', 'floating in a swimming pool on a hot summer day'],
    () =>
      rect(0, 0, 100, 24, '#f2e8d5') +
      rect(0, 20, 100, 80, '#29c4ea') +
      repeat(8, (i) => line(i * 14, 20, i * 14 - 6, 100, '#7fe3f7', 1.4)) +
      circle(84, 40, 10, 'none', 'stroke="#ff4d4d" stroke-width="6"') +
      circle(84, 40, 10, 'none', 'stroke="#fff" stroke-width="6" stroke-dasharray="8 8"'),
    () => rect(0, 86, 100, 14, '#29c4ea', 'opacity="0.92"') + curve('M 0 87 q 12 -6 25 0 t 25 0 t 25 0 t 25 0', '#d9f8ff', 2),
  ),
  scene(
    'picnic',
    both,
    ['on a picnic blanket', 'on a red checkered picnic blanket in a park', 'at a picnic on a red and white blanket with a basket'],
    () =>
      land('#a9dff5', '#6fbf52', 34) +
      checks(60, '#ffffff', '#e03131', 10) +
      rect(80, 42, 18, 16, '#a86b32') +
      curve('M 82 42 q 7 -14 14 0', '#a86b32', 2.4),
  ),
  scene(
    'chessboard',
    both,
    ['on a chessboard', 'on a black and white chessboard beside chess pieces', 'on the squares of a chessboard'],
    () =>
      rect(0, 0, 100, 44, '#6b5b53') +
      checks(40, '#f5f0e4', '#1f1f24') +
      [8, 92]
        .map(
          (x) =>
            circle(x, 34, 5, '#1f1f24') +
            polygon(
              [
                [x - 7, 56],
                [x + 7, 56],
                [x + 3, 38],
                [x - 3, 38],
              ],
              '#1f1f24',
            ),
        )
        .join(''),
  ),
  scene(
    'polka dots',
    both,
    ['in front of polka dot wallpaper', 'in front of yellow wallpaper with white polka dots', 'before a yellow wall with white dots'],
    () => rect(0, 0, 100, 100, '#ffcc33') + repeat(6, (j) => repeat(6, (i) => circle(8 + i * 18 + (j % 2) * 9, 8 + j * 18, 5, '#ffffff'))),
  ),
  scene(
    'striped wall',
    both,
    ['in front of striped wallpaper', 'in front of green and white striped wallpaper', 'before a wall with green stripes'],
    () => rect(0, 0, 100, 100, '#f7f9f4') + repeat(7, (i) => rect(i * 16, 0, 8, 100, '#4caf7a')),
  ),
  scene(
    'newspaper',
    both,
    ['on a newspaper', 'on an old newspaper with black printed letters', 'on the printed pages of a newspaper'],
    () =>
      rect(0, 0, 100, 100, '#ece8dc') +
      rect(6, 4, 88, 12, '#222') +
      repeat(3, (i) => repeat(13, (j) => rect(6 + i * 31, 22 + j * 6, 26, 2, '#6a6a6a'))) +
      rect(37, 24, 26, 22, '#9a9a9a'),
  ),
  scene(
    'box',
    both,
    ['in a cardboard box', 'inside a brown cardboard box', 'in an open cardboard box for moving'],
    () =>
      rect(0, 0, 100, 100, '#d5dce2') +
      polygon(
        [
          [4, 62],
          [20, 30],
          [80, 30],
          [96, 62],
        ],
        '#8a5f33',
      ),
    () =>
      polygon(
        [
          [4, 72],
          [96, 72],
          [90, 100],
          [10, 100],
        ],
        '#c6924f',
      ) +
      polygon(
        [
          [4, 72],
          [-6, 60],
          [8, 58],
          [14, 72],
        ],
        '#dcb071',
      ) +
      polygon(
        [
          [96, 72],
          [106, 60],
          [92, 58],
          [86, 72],
        ],
        '#dcb071',
      ) +
      rect(42, 72, 16, 10, '#e8cf9a'),
  ),
  scene(
    'skateboard',
    both,
    ['on a skateboard', 'on a skateboard in a concrete skate park', 'riding a skateboard down a ramp'],
    () => land('#b7d3e6', '#a2a6ab', 50) + path('M 0 50 Q 2 84 40 86 L 0 100 Z', '#888d94'),
    () => rect(10, 88, 80, 5, '#e91e63', 'rx="2.5"') + circle(24, 96, 4, '#222') + circle(76, 96, 4, '#222'),
  ),
  scene(
    'boat',
    both,
    ['in a rowing boat', 'in a small wooden rowing boat on a lake', 'sailing in a wooden boat across the lake'],
    () => land('#c9e8f7', '#3b8fc4', 40) + ellipse(20, 40, 34, 8, '#5a9a58') + ellipse(84, 40, 30, 7, '#6fae62') + waves(48, '#9acbe8', 7),
    () =>
      polygon(
        [
          [2, 76],
          [98, 76],
          [84, 98],
          [16, 98],
        ],
        '#94572a',
      ) +
      line(2, 77, 98, 77, '#5c3417', 3) +
      line(8, 85, 92, 85, '#5c3417', 1.4) +
      line(88, 62, 104, 98, '#d9b27c', 3),
  ),
  scene(
    'window',
    both,
    ['beside a window', 'beside a window with curtains on a sunny day', 'in front of a window with white curtains'],
    () =>
      rect(0, 0, 100, 100, '#d9b99b') +
      rect(18, 4, 64, 62, '#9fd8f8') +
      ellipse(50, 66, 40, 14, '#78bb58') +
      rect(18, 4, 64, 62, 'none', 'stroke="#ffffff" stroke-width="5"') +
      line(50, 4, 50, 66, '#ffffff', 4) +
      line(18, 34, 82, 34, '#ffffff', 4) +
      [6, 78].map((x) => rect(x, 0, 16, 72, '#f7f1f6')).join('') +
      rect(0, 84, 100, 16, '#a87a52'),
  ),
  scene(
    'playground',
    both,
    ['in a playground', 'in a playground with a red slide and a swing', 'on a playground between a slide and a swing'],
    () =>
      land('#bfe7fb', '#e3c98f', 62) +
      polygon(
        [
          [4, 30],
          [14, 30],
          [46, 72],
          [34, 72],
        ],
        '#e53935',
      ) +
      line(6, 30, 6, 72, '#1e88e5', 3) +
      line(66, 22, 60, 72, '#1e88e5', 3) +
      line(96, 22, 102, 72, '#1e88e5', 3) +
      line(64, 22, 98, 22, '#1e88e5', 3) +
      line(76, 22, 76, 52, '#666', 1.2) +
      line(88, 22, 88, 52, '#666', 1.2) +
      rect(73, 52, 18, 3, '#fdd835'),
  ),
  scene(
    'market',
    both,
    ['at a market', 'at a fruit market with apples and oranges', 'in front of a market stall full of fruit'],
    (r) =>
      rect(0, 0, 100, 100, '#d7c4a5') +
      repeat(8, (i) => path(`M ${i * 12.5} 0 h 12.5 v 18 q -6.25 9 -12.5 0 Z`, i % 2 ? '#ffffff' : '#2e9e5b')) +
      rect(0, 40, 100, 32, '#8a5a33') +
      scatter(r, 34, [2, 40, 98, 62], (x, y) => circle(x, y, 4, r.pick(['#e02424', '#ff9a1f', '#9ccc3c']))),
  ),
  scene(
    'airport',
    both,
    ['at an airport', 'at an airport in front of a white plane', 'on the runway beside a large airplane'],
    () =>
      land('#b8ddf6', '#6a6e75', 62) +
      ellipse(50, 40, 56, 11, '#ffffff') +
      polygon(
        [
          [82, 36],
          [98, 8],
          [104, 36],
        ],
        '#1e66c9',
      ) +
      polygon(
        [
          [36, 42],
          [60, 42],
          [30, 66],
          [18, 66],
        ],
        '#d5dbe3',
      ) +
      repeat(7, (i) => circle(16 + i * 10, 37, 2, '#3a4a5c')) +
      repeat(4, (i) => rect(4 + i * 28, 84, 14, 3, '#ffffff')),
  ),
  scene(
    'garden gnome',
    both,
    ['in a garden', 'in a garden with flowers and a white fence', 'among garden flowers before a white fence'],
    (r) =>
      land('#bfe6fa', '#63b54f', 52) +
      repeat(8, (i) =>
        polygon(
          [
            [i * 13, 62],
            [i * 13, 34],
            [i * 13 + 4.5, 28],
            [i * 13 + 9, 34],
            [i * 13 + 9, 62],
          ],
          '#ffffff',
        ),
      ) +
      rect(0, 42, 100, 4, '#e6e6e6') +
      repeat(8, (i) => flower(6 + i * 13, r.uniform(60, 70), r.pick(['#ff5d8f', '#8a63ff', '#ff9f1c']), '#ffe14d', 3.6)),
  ),
  scene(
    'winter cabin',
    both,
    [
      'in front of a log cabin',
      'in front of a wooden log cabin covered with snow',
      'with a snowy log cabin in the mountains in the background',
    ],
    (r) =>
      land('#8fb4d6', '#f4f9fc', 66) +
      rect(22, 34, 56, 34, '#7a4a26') +
      repeat(5, (i) => line(22, 40 + i * 6, 78, 40 + i * 6, '#4f2d14', 1.4)) +
      polygon(
        [
          [14, 36],
          [50, 8],
          [86, 36],
        ],
        '#ffffff',
      ) +
      rect(30, 44, 12, 11, '#ffd96b') +
      rect(54, 46, 14, 22, '#3f2410') +
      flakes(r, 16),
  ),
  scene(
    'circus',
    both,
    ['at a circus', 'at a circus in front of a red and white striped tent', 'with a striped circus tent in the background'],
    () =>
      land('#8fd0f5', '#b98f57', 72) +
      polygon(
        [
          [2, 74],
          [10, 40],
          [50, 6],
          [90, 40],
          [98, 74],
        ],
        '#ffffff',
      ) +
      repeat(
        3,
        (i) =>
          polygon(
            [
              [50, 6],
              [14 + i * 27, 40],
              [24 + i * 27, 40],
            ],
            '#e02a2f',
          ) + rect(13 + i * 27, 40, 12, 34, '#e02a2f'),
      ) +
      polygon(
        [
          [50, 6],
          [50, -4],
          [62, 0],
        ],
        '#fdd835',
      ),
  ),
  scene(
    'village',
    both,
    ['in a village', 'in a small village with colorful houses', 'between colorful little houses of a village street'],
    () =>
      land('#c7e7f8', '#b8a58a', 66) +
      house(2, 68, 26, 26, '#f4c542', '#a03d2b') +
      house(37, 68, 26, 32, '#ef8354', '#6a3b2a') +
      house(72, 68, 26, 26, '#7bc67b', '#a03d2b'),
  ),
  scene(
    'carpet flying',
    both,
    ['on a flying carpet', 'on a flying carpet above the clouds', 'riding a red magic carpet in the sky'],
    (r) =>
      rect(0, 0, 100, 100, '#7cc4f4') +
      clouds(r, 4) +
      ellipse(16, 96, 22, 6, '#ffffff') +
      ellipse(84, 97, 22, 6, '#ffffff') +
      polygon(
        [
          [4, 92],
          [18, 74],
          [96, 74],
          [84, 92],
        ],
        '#b5182b',
      ) +
      polygon(
        [
          [16, 88],
          [24, 78],
          [84, 78],
          [78, 88],
        ],
        '#f2b632',
      ),
  ),
];
