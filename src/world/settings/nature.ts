/** Outdoor scenes beyond the benchmark's. */
import { both, scene } from '../context.ts';
import type { Context } from '../context.ts';
import { circle, curve, ellipse, land, line, path, polygon, rect, repeat, star } from '../svg.ts';
import { clouds, pine, scatter, stars, tree, waves } from './shared.ts';

export const natureScenes: readonly Context[] = [
  scene(
    'desert',
    both,
    ['in the desert', 'in a hot sandy desert with a green cactus', 'on desert sand dunes under the hot sun'],
    (r) =>
      land('#fbd38a', '#e0a458', 58) +
      circle(r.uniform(20, 80), 14, 9, '#fff1a8') +
      ellipse(20, 62, 34, 10, '#d39446') +
      [12, 88].map((x) => rect(x - 3, 26, 6, 36, '#3a8f4a', 'rx="3"') + curve(`M ${x} 46 h 8 v -9`, '#3a8f4a', 4)).join(''),
  ),
  scene(
    'pyramids',
    both,
    [
      'in front of the pyramids',
      'in front of the pyramids of egypt in the desert sand',
      'with the great pyramids of egypt in the background',
    ],
    () =>
      land('#9cd4f2', '#e6c27a', 64) +
      polygon(
        [
          [-10, 66],
          [25, 14],
          [60, 66],
        ],
        '#d1a14e',
      ) +
      polygon(
        [
          [25, 14],
          [60, 66],
          [36, 66],
        ],
        '#a87a33',
      ) +
      polygon(
        [
          [58, 66],
          [82, 28],
          [108, 66],
        ],
        '#d1a14e',
      ),
  ),
  scene(
    'waterfall',
    both,
    ['in front of a waterfall', 'in front of a tall waterfall between wet rocks', 'with a white waterfall falling over dark rocks'],
    (r) =>
      rect(0, 0, 100, 100, '#4f5d58') +
      rect(28, 0, 44, 72, '#d9f1fc') +
      repeat(7, (i) => line(31 + i * 6, 0, 31 + i * 6, 72, '#8cc9ec', 2)) +
      rect(0, 70, 100, 30, '#4fa6dd') +
      scatter(r, 8, [10, 68, 90, 78], (x, y) => circle(x, y, 4, '#ffffff')),
  ),
  scene(
    'volcano',
    both,
    ['in front of a volcano', 'in front of an erupting volcano with red lava', 'with a smoking volcano and hot red lava in the background'],
    () =>
      land('#5b3a3f', '#2d2526', 74) +
      polygon(
        [
          [-8, 76],
          [38, 18],
          [62, 18],
          [108, 76],
        ],
        '#3a2f33',
      ) +
      polygon(
        [
          [38, 18],
          [62, 18],
          [56, 44],
          [50, 34],
          [45, 58],
          [42, 36],
        ],
        '#ff5a1f',
      ) +
      circle(50, 10, 9, '#ff9a3d') +
      circle(40, 4, 7, '#8d8488') +
      circle(61, 3, 8, '#8d8488'),
  ),
  scene(
    'night sky',
    both,
    ['under the night sky', 'under a dark night sky full of stars and a full moon', 'at night under a bright moon and stars'],
    (r) => land('#101a3f', '#1c2b3a', 74) + stars(r, 40) + circle(r.pick([18, 82]), 18, 11, '#fdf6d0'),
  ),
  scene(
    'space',
    both,
    ['in outer space', 'in outer space among planets and stars', 'floating in space with a ringed planet and stars'],
    (r) =>
      rect(0, 0, 100, 100, '#0a0a24') +
      stars(r, 40) +
      scatter(r, 20, [0, 60, 100, 100], (x, y) => circle(x, y, 0.8, '#fff')) +
      circle(80, 24, 14, '#d98a3d') +
      ellipse(80, 24, 22, 4, 'none', 'stroke="#f3d9a0" stroke-width="2"') +
      circle(14, 72, 8, '#4fa3d8'),
  ),
  scene(
    'moon',
    both,
    ['on the moon', 'on the grey surface of the moon with the earth in the sky', 'on the moon among grey craters'],
    (r) =>
      land('#07070f', '#b4b4ba', 56) +
      circle(22, 20, 11, '#2f7fd8') +
      ellipse(20, 18, 5, 4, '#4caf50') +
      scatter(r, 9, [0, 62, 100, 98], (x, y) => ellipse(x, y, 7, 2.6, '#85858d')),
  ),
  scene(
    'underwater',
    both,
    ['under water', 'under water among orange fish and coral', 'deep under the sea with fish, coral and bubbles'],
    (r) =>
      rect(0, 0, 100, 100, '#0b6fa8') +
      rect(0, 0, 100, 30, '#1b8cc9') +
      repeat(5, (i) => curve(`M ${8 + i * 21} 100 q -7 -10 0 -18 t 0 -18`, i % 2 ? '#ff6f91' : '#35b06a', 4)) +
      scatter(
        r,
        5,
        [6, 12, 94, 55],
        (x, y) =>
          ellipse(x, y, 5, 3, '#ff9f1c') +
          polygon(
            [
              [x - 4, y],
              [x - 9, y - 3],
              [x - 9, y + 3],
            ],
            '#ff9f1c',
          ),
      ) +
      scatter(r, 10, [0, 5, 100, 90], (x, y) => circle(x, y, 1.8, '#c9efff')),
  ),
  scene(
    'iceberg',
    both,
    ['on an iceberg', 'on a floating iceberg in the cold arctic sea', 'on blue ice in the cold arctic sea'],
    () =>
      land('#d4ecf7', '#2a6f9e', 58) +
      polygon(
        [
          [-5, 62],
          [14, 22],
          [26, 38],
          [36, 62],
        ],
        '#ffffff',
      ) +
      polygon(
        [
          [66, 62],
          [84, 16],
          [105, 62],
        ],
        '#eaf7ff',
      ) +
      polygon(
        [
          [4, 100],
          [14, 76],
          [88, 76],
          [98, 100],
        ],
        '#c4e8fa',
      ) +
      waves(64, '#79b6dc', 2),
  ),
  scene(
    'igloo',
    both,
    ['in front of an igloo', 'in front of a white igloo made of ice blocks', 'with an eskimo igloo on the ice in the background'],
    () =>
      land('#7fb8e8', '#f3fafe', 66) +
      path('M 4 68 A 46 50 0 0 1 96 68 Z', '#dcedf7', 'stroke="#8fb3c9" stroke-width="1.6"') +
      repeat(3, (i) => curve(`M ${10 + i * 4} ${54 - i * 13} h ${80 - i * 8}`, '#8fb3c9', 1.4)) +
      path('M 36 68 A 14 20 0 0 1 64 68 Z', '#2b4a66'),
  ),
  scene(
    'cherry blossoms',
    both,
    ['under cherry blossoms', 'under a blooming cherry tree with pink blossoms', 'in spring under falling pink cherry blossoms'],
    (r) =>
      land('#d7efff', '#9ad07a', 66) +
      curve('M 12 70 Q 18 40 44 20', '#5d3a2a', 6) +
      scatter(r, 32, [0, 0, 100, 34], (x, y) => circle(x, y, 6, r.pick(['#ffb7d0', '#ff9cc0', '#ffd3e2']))) +
      scatter(r, 14, [0, 40, 100, 98], (x, y) => circle(x, y, 1.6, '#ff9cc0')),
  ),
  scene(
    'bamboo',
    both,
    ['in a bamboo forest', 'in a green bamboo forest with tall stems', 'among tall green stems of a bamboo forest'],
    (r) =>
      rect(0, 0, 100, 100, '#d7edc0') +
      repeat(11, (i) => {
        const x = i * 9.6 + r.uniform(-2, 2);
        return rect(x, 0, 5, 90, i % 2 ? '#5aa83c' : '#77c052') + repeat(5, (j) => line(x, 8 + j * 17, x + 5, 8 + j * 17, '#2f6b22', 1.5));
      }) +
      rect(0, 86, 100, 14, '#6d8a45'),
  ),
  scene(
    'mushrooms',
    both,
    ['among giant mushrooms', 'among giant red mushrooms with white dots', 'in a fairy forest of giant red mushrooms'],
    () =>
      land('#2f5d50', '#3f7d4a', 66) +
      [
        [14, 30, 22],
        [84, 22, 26],
        [52, 14, 14],
      ]
        .map(
          ([x, y, w]) =>
            rect(x! - 4, y!, 8, 76 - y!, '#f4ead2') +
            path(`M ${x! - w!} ${y! + 4} A ${w} ${w! * 0.8} 0 0 1 ${x! + w!} ${y! + 4} Z`, '#d92b2b') +
            circle(x!, y! - 6, 3, '#fff') +
            circle(x! - w! / 2, y! - 1, 2.4, '#fff') +
            circle(x! + w! / 2, y! - 1, 2.4, '#fff'),
        )
        .join(''),
  ),
  scene(
    'lavender',
    both,
    ['in a lavender field', 'in a field of purple lavender in rows', 'among rows of purple lavender flowers'],
    (r) =>
      land('#fbe3c0', '#6d8f4a', 42) +
      repeat(7, (i) =>
        polygon(
          [
            [48 + (i - 3) * 4, 42],
            [52 + (i - 3) * 4, 42],
            [60 + (i - 3) * 34, 100],
            [42 + (i - 3) * 34, 100],
          ],
          '#8a5bc7',
        ),
      ) +
      scatter(r, 26, [0, 52, 100, 99], (x, y) => circle(x, y, 1.5, '#c9a6f2')),
  ),
  scene(
    'tulips',
    both,
    [
      'in a tulip garden with a windmill',
      'in a garden of red tulips with an old windmill',
      'among red and yellow tulips with a dutch windmill in the background',
    ],
    (r) =>
      land('#a9dcf7', '#4fa344', 56) +
      polygon(
        [
          [66, 58],
          [70, 22],
          [82, 22],
          [86, 58],
        ],
        '#a4683f',
      ) +
      [0, 90, 180, 270].map((t) => `<g transform="translate(76 24) rotate(${t + 25})">${rect(-1, 0, 7, 26, '#f4f0e6')}</g>`).join('') +
      scatter(
        r,
        26,
        [0, 60, 100, 98],
        (x, y) => line(x, y, x, y + 6, '#2d7a2d', 1) + ellipse(x, y, 2.4, 3.2, r.pick(['#e5233f', '#ffce1f'])),
      ),
  ),
  scene(
    'roses',
    both,
    ['in a rose garden', 'in a garden of red roses on green bushes', 'between bushes of blooming red roses'],
    (r) =>
      land('#cdeaf7', '#5f9e4f', 40) +
      scatter(r, 16, [0, 36, 100, 66], (x, y) => circle(x, y, 11, r.pick(['#2f7d3a', '#3c9147']))) +
      scatter(r, 22, [0, 32, 100, 70], (x, y) => circle(x, y, 3.6, '#d4143a') + circle(x, y, 1.6, '#ff6b87')),
  ),
  scene(
    'pond',
    both,
    ['on a lily pad in a pond', 'on a green lily pad in a pond with pink water lilies', 'in a quiet pond among lily pads'],
    (r) =>
      rect(0, 0, 100, 100, '#2c7f86') +
      scatter(r, 9, [0, 4, 100, 60], (x, y) => ellipse(x, y, 11, 5, '#4caf50') + (r.chance(0.5) ? circle(x, y - 3, 3.6, '#ffa3cf') : '')) +
      ellipse(50, 88, 42, 12, '#57bd4c'),
  ),
  scene(
    'cave',
    both,
    ['inside a cave', 'inside a dark cave with glowing blue crystals', 'in a dark stone cave among crystals'],
    () =>
      rect(0, 0, 100, 100, '#241f2b') +
      repeat(7, (i) =>
        polygon(
          [
            [i * 15 - 3, 0],
            [i * 15 + 10, 0],
            [i * 15 + 4, 18 + ((i * 7) % 12)],
          ],
          '#463c50',
        ),
      ) +
      [
        [10, 76],
        [24, 82],
        [78, 80],
        [92, 74],
      ]
        .map(([x, y]) =>
          polygon(
            [
              [x! - 5, y!],
              [x!, y! - 28],
              [x! + 5, y!],
            ],
            '#3fd6ff',
          ),
        )
        .join('') +
      rect(0, 80, 100, 20, '#3a3142'),
  ),
  scene(
    'campfire',
    both,
    ['beside a campfire', 'beside a warm campfire and a tent at night', 'camping at night with a tent and a campfire'],
    (r) =>
      land('#16233f', '#2f3d2b', 66) +
      stars(r, 20) +
      polygon(
        [
          [58, 68],
          [78, 28],
          [100, 68],
        ],
        '#e08a2e',
      ) +
      polygon(
        [
          [72, 68],
          [78, 44],
          [85, 68],
        ],
        '#5b3110',
      ) +
      polygon(
        [
          [4, 74],
          [14, 40],
          [24, 74],
        ],
        '#ff7a1a',
      ) +
      polygon(
        [
          [9, 74],
          [14, 52],
          [19, 74],
        ],
        '#ffe14d',
      ) +
      line(2, 77, 26, 72, '#5b3a22', 4),
  ),
  scene(
    'rain',
    both,
    ['in the rain', 'in the rain under dark grey clouds', 'on a rainy day with puddles and dark clouds'],
    () =>
      land('#7b8794', '#5e666e', 66) +
      repeat(4, (i) => ellipse(12 + i * 26, 10, 18, 9, '#4b5560')) +
      ellipse(24, 88, 18, 4, '#9fc3dd') +
      ellipse(84, 82, 14, 3, '#9fc3dd'),
    (r) => scatter(r, 30, [0, 12, 100, 96], (x, y) => line(x, y, x - 2, y + 6, '#b9dcf5', 1.2)),
  ),
  scene(
    'storm',
    both,
    ['in a thunderstorm', 'in a thunderstorm with yellow lightning', 'under black storm clouds and flashing lightning'],
    () =>
      land('#2c2f45', '#20242f', 74) +
      repeat(5, (i) => ellipse(8 + i * 22, 8, 18, 10, '#14151f')) +
      [18, 80]
        .map((x) =>
          polygon(
            [
              [x, 14],
              [x - 9, 44],
              [x - 1, 42],
              [x - 8, 74],
              [x + 11, 34],
              [x + 2, 36],
              [x + 9, 14],
            ],
            '#ffe838',
          ),
        )
        .join(''),
  ),
  scene(
    'rainbow',
    both,
    ['under a rainbow', 'under a bright rainbow on a green hill', 'with a colorful rainbow in the blue sky'],
    () =>
      land('#a4d8f9', '#6cbf4f', 70) +
      ['#e53935', '#fb8c00', '#fdd835', '#43a047', '#1e88e5', '#8e24aa']
        .map((c, i) => curve(`M ${2 + i * 4.4} 72 A ${48 - i * 4.4} ${60 - i * 4.4} 0 0 1 ${98 - i * 4.4} 72`, c, 4.6))
        .join(''),
  ),
  scene(
    'sunset',
    both,
    ['at sunset', 'at sunset under an orange sky with a red sun', 'in the evening with a red sun and an orange sky'],
    () =>
      rect(0, 0, 100, 22, '#7b3f8c') +
      rect(0, 22, 100, 22, '#e2563f') +
      rect(0, 44, 100, 20, '#ff9e3d') +
      circle(50, 58, 30, '#ffd23f') +
      rect(0, 64, 100, 36, '#3b2440'),
  ),
  scene(
    'cloud',
    both,
    ['on a cloud', 'on a fluffy white cloud high in the blue sky', 'flying on a white cloud in the sky'],
    (r) =>
      rect(0, 0, 100, 100, '#58b4f0') +
      clouds(r, 4) +
      [8, 26, 46, 66, 86, 98].map((x, i) => circle(x, 90 + (i % 2) * 4, 15, '#ffffff')).join(''),
  ),
  scene(
    'balloons sky',
    both,
    [
      'with hot air balloons in the sky',
      'with colorful hot air balloons flying in the sky',
      'on a green hill with hot air balloons in the background',
    ],
    () =>
      land('#bfe6fb', '#8ac45f', 74) +
      [
        [16, 20, '#e53935'],
        [82, 16, '#fdd835'],
        [50, 9, '#1e88e5'],
      ]
        .map(
          ([x, y, c]) =>
            circle(x as number, y as number, 13, c as string) +
            rect((x as number) - 3, (y as number) + 17, 6, 5, '#7a4a22') +
            line((x as number) - 7, (y as number) + 11, (x as number) - 3, (y as number) + 17, '#7a4a22', 1),
        )
        .join(''),
  ),
  scene(
    'pumpkins',
    both,
    ['in a pumpkin patch', 'in a field of orange pumpkins for halloween', 'among halloween pumpkins on a farm'],
    (r) =>
      land('#c9b7d8', '#7a6a3a', 54) +
      scatter(
        r,
        9,
        [2, 56, 98, 74],
        (x, y) => ellipse(x, y, 11, 8.5, '#f57c1f') + ellipse(x, y, 5, 8.5, '#ff9a45') + rect(x - 1.2, y - 11, 2.4, 4, '#3c6b2a'),
      ),
  ),
  scene(
    'hay',
    both,
    ['on a haystack', 'on a golden haystack of dry straw on a farm', 'in dry golden straw on a farm'],
    (r) =>
      land('#bfe3f7', '#e0b94f', 44) +
      scatter(r, 70, [0, 46, 100, 99], (x, y) =>
        line(x, y, x + r.uniform(-7, 7), y + r.uniform(-4, 4), r.pick(['#f7dd8a', '#b58a26']), 1.2),
      ),
  ),
  scene(
    'swamp',
    both,
    ['in a swamp', 'in a foggy green swamp with dead trees', 'in a dark foggy swamp'],
    () =>
      land('#7d8f6a', '#3f5233', 56) +
      [12, 86, 70]
        .map((x) => curve(`M ${x} 64 Q ${x + 4} 40 ${x - 3} 8 M ${x + 1} 36 l 12 -12 M ${x} 26 l -10 -8`, '#2a2318', 4))
        .join('') +
      rect(0, 40, 100, 8, '#c2cdb3', 'opacity="0.6"') +
      ellipse(40, 76, 36, 5, '#5f7a3f'),
  ),
  scene(
    'pine forest',
    both,
    ['in a pine forest', 'in a dark green pine forest with tall trees', 'among tall pine trees in a green forest'],
    (r) =>
      land('#cfe5d8', '#4c6b3a', 64) +
      repeat(7, (i) => pine(i * 16 + r.uniform(-3, 3), 70, r.uniform(50, 70), i % 2 ? '#1f5a38' : '#2d7a4b')),
  ),
  scene(
    'orchard',
    both,
    ['in an apple orchard', 'under apple trees with ripe red apples', 'in an orchard of apple trees with red apples'],
    (r) =>
      land('#bfe8fb', '#7fc25a', 66) +
      [14, 84]
        .map((x) => tree(x, 72, 66, '#3f9a3f') + scatter(r, 7, [x - 15, 14, x + 15, 42], (a, b) => circle(a, b, 2.6, '#e02424')))
        .join(''),
  ),
  scene(
    'starfish',
    both,
    ['beside a sand castle', 'beside a sand castle on the sea shore with a starfish', 'on a sandy shore with a sand castle and a starfish'],
    () =>
      land('#9adcf7', '#f0d08a', 46) +
      rect(0, 34, 100, 14, '#37a4d9') +
      rect(4, 42, 12, 32, '#cf9f52') +
      rect(14, 52, 18, 22, '#dbad62') +
      rect(30, 42, 10, 32, '#cf9f52') +
      polygon(
        [
          [10, 42],
          [10, 30],
          [19, 34],
          [10, 38],
        ],
        '#e53935',
      ) +
      star(86, 74, 10, '#ff7043'),
  ),
];
