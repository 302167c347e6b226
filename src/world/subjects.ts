/** The bodies: each class drawn in its own frame, feet at y = 36, about 60 units wide and 72 high. */
import type { ClassName, Identity } from './identity.ts';
import { circle, css, curve, ellipse, hsl, line, path, polygon, rect, repeat, shade } from './svg.ts';
import type { Colour } from './svg.ts';

/** What a class is drawn with: the identity's paints, which an attribute such as "red" may replace. */
export interface Look {
  /** Fill of the main surfaces: colour and pattern. */
  skin: string;
  primary: string;
  secondary: string;
  accent: string;
  dark: string;
  shape: readonly number[];
}

/** Where a live subject wears things. */
export interface Anchors {
  head: { x: number; y: number; r: number };
  eyes: { dx: number; y: number };
  neck: { y: number; half: number };
  body: { y: number; rx: number; ry: number };
}

const outline = (look: Look): string => `stroke="${look.dark}" stroke-width="1.4" stroke-linejoin="round"`;

/** The fill of an identity: a definition for <defs> under an id, and the paint that refers to it. */
export function skinOf(identity: Identity, primary: Colour, secondary: Colour, id = 'skin'): { definition: string; paint: string } {
  const size = 13 + 8 * identity.patternScale;
  const base = css(primary);
  const mark = css(secondary);
  const marks: Record<Identity['pattern'], string> = {
    plain: '',
    spotted: circle(size / 2, size / 2, size * 0.3, mark),
    striped: rect(0, 0, size * 0.45, size, mark),
    banded: rect(0, 0, size, size * 0.45, mark),
    checkered: rect(0, 0, size / 2, size / 2, mark) + rect(size / 2, size / 2, size / 2, size / 2, mark),
  };
  const definition =
    `<pattern id="${id}" width="${size.toFixed(1)}" height="${size.toFixed(1)}" patternUnits="userSpaceOnUse" ` +
    `patternTransform="rotate(${identity.patternAngle.toFixed(0)})">${rect(0, 0, size, size, base)}${marks[identity.pattern]}</pattern>`;
  return { definition, paint: `url(#${id})` };
}

export function anchorsOf(shape: readonly number[]): Anchors {
  const r = 14.5 + 3 * shape[1]!;
  return {
    head: { x: 0, y: -14, r },
    eyes: { dx: r * (0.36 + 0.12 * shape[2]!), y: -16 },
    neck: { y: 0, half: 12 + 2 * shape[0]! },
    body: { y: 17, rx: 14 + 4 * shape[0]!, ry: 18.5 },
  };
}

function animal(kind: 'dog' | 'cat' | 'rabbit', look: Look): string {
  const { head, eyes, body } = anchorsOf(look.shape);
  const edge = outline(look);
  const ear = 0.7 + 0.6 * look.shape[3]!;
  const behind = {
    dog: curve(`M ${body.rx - 2} 24 Q ${body.rx + 12} 20 ${body.rx + 9} ${8 - 8 * look.shape[4]!}`, look.primary, 5),
    cat: curve(`M ${body.rx - 3} 30 Q ${body.rx + 18} 28 ${body.rx + 10} ${10 - 10 * look.shape[4]!}`, look.secondary, 4),
    rabbit: circle(body.rx, 28, 4 + 2 * look.shape[4]!, look.secondary, edge),
  }[kind];
  const ears = [-1, 1]
    .map((side) => {
      const x = side * head.r;
      if (kind === 'dog')
        return ellipse(
          x * 1.02,
          head.y + 3,
          4.6,
          11 * ear,
          look.secondary,
          `${edge} transform="rotate(${-side * (8 + 14 * look.shape[5]!)} ${x} ${head.y - 6})"`,
        );
      if (kind === 'cat')
        return polygon(
          [
            [x * 0.95, head.y - 3],
            [x * 0.92, head.y - head.r - 7 * ear],
            [x * 0.15, head.y - head.r * 0.85],
          ],
          look.secondary,
          edge,
        );
      return ellipse(
        x * 0.5,
        head.y - head.r - 6,
        4,
        12 * ear,
        look.secondary,
        `${edge} transform="rotate(${side * (6 + 16 * look.shape[5]!)} ${x * 0.5} ${head.y - 6})"`,
      );
    })
    .join('');
  const feet = [-1, 1].map((side) => ellipse(side * 8, 34, 6, 3.6, look.secondary, edge)).join('');
  const muzzle =
    kind === 'dog'
      ? ellipse(0, head.y + 6, head.r * 0.52, 6.5, look.secondary) +
        ellipse(0, head.y + 3, 3.4, 2.6, '#1c1a1a') +
        ellipse(0, head.y + 11, 2.2, 3, '#e2687c')
      : polygon(
          [
            [-2.2, head.y + 3],
            [2.2, head.y + 3],
            [0, head.y + 6],
          ],
          '#e58a9a',
        ) +
        (kind === 'cat'
          ? [-1, 1]
              .map(
                (s) =>
                  line(s * 4, head.y + 6, s * (head.r + 5), head.y + 4, look.dark, 0.8) +
                  line(s * 4, head.y + 7, s * (head.r + 4), head.y + 9, look.dark, 0.8),
              )
              .join('')
          : rect(-2, head.y + 7, 4, 4, '#ffffff', edge));
  const face = [-1, 1]
    .map(
      (s) =>
        circle(s * eyes.dx, eyes.y, 3.3, '#ffffff') +
        circle(s * eyes.dx, eyes.y, 2.2, look.accent) +
        circle(s * eyes.dx, eyes.y, 1.1, '#101010'),
    )
    .join('');
  return (
    behind +
    (kind === 'dog' ? '' : ears) +
    ellipse(0, body.y, body.rx, body.ry, look.skin, edge) +
    feet +
    circle(head.x, head.y, head.r, look.skin, edge) +
    (kind === 'dog' ? ears : '') +
    muzzle +
    face
  );
}

function teapot(look: Look): string {
  const edge = outline(look);
  const [a, b, c, d] = look.shape as [number, number, number, number];
  const rx = 19 + 5 * a;
  const ry = 17 + 5 * b;
  const y = 36 - ry;
  return (
    path(
      `M ${-rx + 3} ${y - 8} q ${-14 - 5 * c} 2 ${-10 - 4 * c} 14 q 3 9 ${12 + 4 * c} 6`,
      'none',
      `stroke="${look.accent}" stroke-width="4.5"`,
    ) +
    path(
      `M ${rx - 5} ${y + 9} Q ${rx + 8} ${y + 6} ${rx + 9 + 4 * d} ${y - 14 - 5 * d} l 5 -1 Q ${rx + 14} ${y + 12} ${rx - 5} ${y + 16} Z`,
      look.secondary,
      edge,
    ) +
    ellipse(0, y, rx, ry, look.skin, edge) +
    ellipse(0, y - ry + 2, rx * 0.55, 4.5, look.secondary, edge) +
    circle(0, y - ry - 5, 3.5 + 2 * b, look.accent, edge)
  );
}

function backpack(look: Look): string {
  const edge = outline(look);
  const [a, b, c] = look.shape as [number, number, number];
  const w = 19 + 5 * a;
  const top = -24 - 8 * b;
  return (
    curve(`M -7 ${top + 2} Q 0 ${top - 13} 7 ${top + 2}`, look.accent, 4) +
    [-1, 1].map((s) => curve(`M ${s * (w - 4)} ${top + 10} Q ${s * (w + 11)} 6 ${s * (w - 2)} 30`, look.accent, 5)).join('') +
    rect(-w, top, 2 * w, 36 - top, look.skin, `${edge} rx="12"`) +
    rect(-w * 0.7, 6 + 4 * c, w * 1.4, 24 - 4 * c, look.secondary, `${edge} rx="5"`) +
    line(-w * 0.6, -8, w * 0.6, -8, look.dark, 1.8) +
    rect(-3, 8 + 4 * c, 6, 6, look.accent, 'rx="1"')
  );
}

function duckToy(look: Look): string {
  const edge = outline(look);
  const [a, b, c, d] = look.shape as [number, number, number, number];
  const r = 13 + 4 * a;
  return (
    path(`M -31 ${4 - 6 * c} Q -22 14 -12 8 Q 6 2 27 12 Q 32 36 4 36 L -10 36 Q -30 34 -31 ${4 - 6 * c} Z`, look.skin, edge) +
    circle(10, -8, r, look.skin, edge) +
    ellipse(-5, 22, 12 + 3 * b, 7, look.secondary, edge) +
    path(`M ${10 + r - 3} -10 q ${12 + 5 * d} 2 ${12 + 4 * d} 6 q -8 5 ${-13 - 4 * d} 3 Z`, look.accent, edge) +
    circle(14, -12, 3.2, '#ffffff') +
    circle(15, -12, 1.8, '#101010')
  );
}

function car(look: Look): string {
  const edge = outline(look);
  const [a, b, c, d] = look.shape as [number, number, number, number];
  const roof = -8 - 10 * a;
  const wheel = 7.5 + 2.5 * b;
  return (
    path(`M -22 10 L ${-15 + 4 * c} ${roof} L ${11 + 5 * c} ${roof} L 23 10 Z`, look.secondary, edge) +
    polygon(
      [
        [-15, 8],
        [-11 + 4 * c, roof + 4],
        [-1, roof + 4],
        [-1, 8],
      ],
      '#cfe8f5',
    ) +
    polygon(
      [
        [3, 8],
        [3, roof + 4],
        [9 + 5 * c, roof + 4],
        [17, 8],
      ],
      '#cfe8f5',
    ) +
    rect(-34, 8, 68, 20, look.skin, `${edge} rx="${(4 + 5 * d).toFixed(1)}"`) +
    [-19, 19].map((x) => circle(x, 29, wheel, '#22242a') + circle(x, 29, wheel * 0.5, look.accent)).join('') +
    circle(31, 15, 3, '#fff3b0')
  );
}

function teddyBear(look: Look): string {
  const edge = outline(look);
  const [a, b, c] = look.shape as [number, number, number];
  const r = 15 + 3 * a;
  return (
    [-1, 1].map((s) => circle(s * r * 0.78, -15 - r * 0.72, 5 + 2.5 * b, look.secondary, edge)).join('') +
    [-1, 1].map((s) => ellipse(s * 19, 10, 5.5, 10, look.skin, `${edge} transform="rotate(${s * -28} ${s * 19} 10)"`)).join('') +
    ellipse(0, 16, 16 + 4 * c, 16, look.skin, edge) +
    [-1, 1].map((s) => circle(s * 12, 30, 7, look.skin, edge) + circle(s * 12, 30, 3.6, look.secondary)).join('') +
    ellipse(0, 17, 9, 9, look.secondary) +
    circle(0, -15, r, look.skin, edge) +
    ellipse(0, -9, 7.5, 6, look.secondary, edge) +
    ellipse(0, -11.5, 2.8, 2, '#1d1b1b') +
    [-1, 1].map((s) => circle(s * 6, -18, 2.2, '#101010')).join('') +
    polygon(
      [
        [-8, -3],
        [8, 3],
        [8, -3],
        [-8, 3],
      ],
      look.accent,
    )
  );
}

function boot(look: Look): string {
  const edge = outline(look);
  const [a, b, c] = look.shape as [number, number, number];
  const top = -22 - 12 * a;
  const toe = 22 + 8 * b;
  return (
    path(`M -18 ${top} L 6 ${top} L 8 6 Q ${toe} 8 ${toe} 30 L -18 30 Z`, look.skin, edge) +
    rect(-20, 29, toe + 22, 7, look.accent, edge) +
    rect(-20, top - 3, 28, 7 + 4 * c, look.secondary, edge) +
    repeat(4, (i) => line(0, top + 14 + 7 * i, 9, top + 12 + 7 * i, look.accent, 1.8))
  );
}

function vase(look: Look): string {
  const edge = outline(look);
  const [a, b, c, d] = look.shape as [number, number, number, number];
  const wide = 17 + 7 * a;
  const neck = 6 + 4 * b;
  const top = -28 - 6 * c;
  return (
    path(
      `M ${-neck - 4} ${top} L ${neck + 4} ${top} L ${neck} ${top + 12} Q ${wide * 1.5} ${2 + 10 * d} ${10} 36 L -10 36 Q ${-wide * 1.5} ${2 + 10 * d} ${-neck} ${top + 12} Z`,
      look.skin,
      edge,
    ) +
    ellipse(0, top, neck + 5, 3.5, look.secondary, edge) +
    rect(-neck - 1, top + 9, 2 * neck + 2, 4, look.accent) +
    rect(-12, 33, 24, 4, look.secondary, edge)
  );
}

function robotToy(look: Look): string {
  const edge = outline(look);
  const [a, b, c] = look.shape as [number, number, number];
  const w = 14 + 4 * a;
  const h = 9 + 3 * b;
  return (
    line(0, -26 - h, 0, -34 - 4 * c, look.dark, 2) +
    circle(0, -35 - 4 * c, 3, look.accent, edge) +
    rect(-w, -24 - h, 2 * w, 2 * h, look.secondary, `${edge} rx="3"`) +
    [-1, 1].map((s) => circle(s * w * 0.45, -24, 3.6, look.accent, edge)).join('') +
    [-1, 1].map((s) => rect(s * (w + 8) - 3.5, -8, 7, 24, look.secondary, `${edge} rx="3"`)).join('') +
    rect(-w - 4, -10, 2 * w + 8, 30, look.skin, `${edge} rx="3"`) +
    rect(-6, -4, 12, 9, look.accent, edge) +
    [-1, 1].map((s) => rect(s * 9 - 5, 20, 10, 16, look.secondary, edge)).join('')
  );
}

function candle(look: Look): string {
  const edge = outline(look);
  const [a, b, c] = look.shape as [number, number, number];
  const w = 10 + 6 * a;
  const top = -16 - 8 * b;
  return (
    path(`M 0 ${top - 22} Q 9 ${top - 10} 0 ${top - 5} Q -9 ${top - 10} 0 ${top - 22} Z`, '#ff9d1e') +
    path(`M 0 ${top - 16} Q 4 ${top - 9} 0 ${top - 6} Q -4 ${top - 9} 0 ${top - 16} Z`, '#fff27a') +
    line(0, top - 6, 0, top, '#2b2420', 1.6) +
    rect(-w, top, 2 * w, 32 - top, look.skin, `${edge} rx="2"`) +
    path(`M ${-w} ${top} h ${2 * w} v ${5 + 5 * c} q -3 6 -6 0 q -3 -4 -6 2 q -3 8 -6 0 Z`, look.secondary) +
    ellipse(0, 33, w + 11, 4.5, look.accent, edge)
  );
}

function clock(look: Look): string {
  const edge = outline(look);
  const [a, b, c, d] = look.shape as [number, number, number, number];
  const r = 24 + 4 * a;
  const hand = (turn: number, length: number, width: number): string =>
    line(0, 4, length * Math.sin(turn), 4 - length * Math.cos(turn), '#22222a', width);
  return (
    [-1, 1].map((s) => line(s * 10, 24, s * 18, 36, look.accent, 5) + circle(s * 15, -22, 6 + 3 * b, look.secondary, edge)).join('') +
    circle(0, 4, r, look.skin, edge) +
    circle(0, 4, r * 0.68, '#fbfaf3', edge) +
    repeat(4, (i) => circle(Math.sin((i * Math.PI) / 2) * r * 0.54, 4 - Math.cos((i * Math.PI) / 2) * r * 0.54, 1.8, look.accent)) +
    hand(c * 6.28, r * 0.36, 2.6) +
    hand(d * 6.28, r * 0.52, 1.8)
  );
}

const bodies: Record<ClassName, (look: Look) => string> = {
  dog: (look) => animal('dog', look),
  cat: (look) => animal('cat', look),
  rabbit: (look) => animal('rabbit', look),
  teapot,
  backpack,
  'duck toy': duckToy,
  car,
  'teddy bear': teddyBear,
  boot,
  vase,
  'robot toy': robotToy,
  candle,
  clock,
};

/** Colours after an attribute: "red" repaints everything, markings included. */
export function paintsOf(identity: Identity, tint: Colour | undefined): { primary: Colour; secondary: Colour; accent: Colour } {
  if (tint === undefined) return identity;
  return { primary: tint, secondary: shade(tint, -17), accent: hsl(tint.h, tint.s, tint.l + 22) };
}

/** A subject in its own frame, with the definition of its fill, whose id is the subject's own where a picture shows several. */
export function drawBody(identity: Identity, tint?: Colour, id?: string): { definition: string; body: string; look: Look } {
  const { primary, secondary, accent } = paintsOf(identity, tint);
  const skin = skinOf(identity, primary, secondary, id);
  const look: Look = {
    skin: skin.paint,
    primary: css(primary),
    secondary: css(secondary),
    accent: css(accent),
    dark: css(hsl(primary.h, 30, Math.min(22, primary.l * 0.45))),
    shape: identity.shape,
  };
  return { definition: skin.definition, body: bodies[identity.className](look), look };
}
