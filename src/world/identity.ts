/** Who is in the picture: a class and an identity that words describe only in part. */
import { Random } from '../graph/random.ts';
import { hsl } from './svg.ts';
import type { Colour } from './svg.ts';

export type SubjectKind = 'live' | 'object';
export const patterns = ['plain', 'spotted', 'striped', 'banded', 'checkered'] as const;
export type Pattern = (typeof patterns)[number];

export const classes = {
  dog: 'live',
  cat: 'live',
  rabbit: 'live',
  teapot: 'object',
  backpack: 'object',
  'duck toy': 'object',
  car: 'object',
  'teddy bear': 'object',
  boot: 'object',
  vase: 'object',
  'robot toy': 'object',
  candle: 'object',
  clock: 'object',
} as const satisfies Record<string, SubjectKind>;
export type ClassName = keyof typeof classes;
export const classNames: readonly ClassName[] = Object.keys(classes) as ClassName[];

const named: Record<string, Colour> = {
  brown: hsl(24, 48, 34),
  tan: hsl(34, 52, 64),
  white: hsl(45, 12, 94),
  black: hsl(230, 8, 16),
  grey: hsl(215, 6, 52),
  orange: hsl(29, 90, 52),
  yellow: hsl(50, 92, 56),
  green: hsl(128, 50, 40),
  blue: hsl(214, 75, 48),
  teal: hsl(180, 62, 40),
  pink: hsl(332, 72, 78),
};
const fur = ['brown', 'tan', 'white', 'black', 'grey', 'orange'] as const;
const paint = ['blue', 'green', 'teal', 'yellow', 'orange', 'pink', 'white', 'black', 'grey', 'brown'] as const;

export interface Identity {
  className: ClassName;
  seed: number;
  primary: Colour;
  secondary: Colour;
  /** Eyes, buttons, handles. */
  accent: Colour;
  /** Words for the two main colours. */
  words: { primary: string; secondary: string };
  pattern: Pattern;
  /** Size and angle of the pattern: [0, 1] and degrees. */
  patternScale: number;
  patternAngle: number;
  /** Six proportions in [0, 1]; what they mean is the class's affair. */
  shape: readonly number[];
}

/** The identity of a class by its seed: the same numbers give the same individual for ever. */
export function drawIdentity(className: ClassName, seed: number): Identity {
  const random = new Random(seed).fork('identity', className);
  const palette: readonly string[] = classes[className] === 'live' ? fur : paint;
  const primaryWord = random.pick(palette);
  const secondaryWord = random.pick(palette.filter((word) => Math.abs(named[word]!.l - named[primaryWord]!.l) > 16));
  const accentWord = random.pick(paint.filter((word) => word !== primaryWord && word !== secondaryWord));
  const jitter = (word: string): Colour => {
    const { h, s, l } = named[word]!;
    return hsl(h + random.uniform(-7, 7), s + random.uniform(-8, 8), l + random.uniform(-5, 5));
  };
  return {
    className,
    seed,
    primary: jitter(primaryWord),
    secondary: jitter(secondaryWord),
    accent: jitter(accentWord),
    words: { primary: primaryWord, secondary: secondaryWord },
    pattern: random.pick(patterns),
    patternScale: random.uniform(),
    patternAngle: random.uniform(-25, 25),
    shape: Array.from({ length: 6 }, () => random.uniform()),
  };
}
