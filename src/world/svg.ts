/** SVG by string: the few shapes that the picture world is drawn with. Units: the canvas is 100 × 100. */
export interface Colour {
  /** Degrees. */
  h: number;
  /** Percent. */
  s: number;
  /** Percent. */
  l: number;
}

export const hsl = (h: number, s: number, l: number): Colour => ({ h, s, l });

export function css({ h, s, l }: Colour): string {
  const clamp = (x: number): number => Math.min(100, Math.max(0, x));
  return `hsl(${(((h % 360) + 360) % 360).toFixed(0)},${clamp(s).toFixed(0)}%,${clamp(l).toFixed(0)}%)`;
}
/** The same hue, darker (negative) or lighter (positive) by percent. */
export const shade = (c: Colour, amount: number): Colour => ({ ...c, l: c.l + amount });

const n = (x: number): string => x.toFixed(1);

export const rect = (x: number, y: number, w: number, h: number, fill: string, more = ''): string =>
  `<rect x="${n(x)}" y="${n(y)}" width="${n(w)}" height="${n(h)}" fill="${fill}" ${more}/>`;
export const circle = (x: number, y: number, r: number, fill: string, more = ''): string =>
  `<circle cx="${n(x)}" cy="${n(y)}" r="${n(r)}" fill="${fill}" ${more}/>`;
export const ellipse = (x: number, y: number, rx: number, ry: number, fill: string, more = ''): string =>
  `<ellipse cx="${n(x)}" cy="${n(y)}" rx="${n(rx)}" ry="${n(ry)}" fill="${fill}" ${more}/>`;
export const path = (d: string, fill: string, more = ''): string => `<path d="${d}" fill="${fill}" ${more}/>`;
export const polygon = (points: readonly (readonly [number, number])[], fill: string, more = ''): string =>
  `<polygon points="${points.map(([x, y]) => `${n(x)},${n(y)}`).join(' ')}" fill="${fill}" ${more}/>`;
export const line = (x1: number, y1: number, x2: number, y2: number, stroke: string, width: number): string =>
  `<line x1="${n(x1)}" y1="${n(y1)}" x2="${n(x2)}" y2="${n(y2)}" stroke="${stroke}" stroke-width="${n(width)}" stroke-linecap="round"/>`;
export const curve = (d: string, stroke: string, width: number): string =>
  `<path d="${d}" fill="none" stroke="${stroke}" stroke-width="${n(width)}" stroke-linecap="round"/>`;
export const group = (content: string, transform: string): string => `<g transform="${transform}">${content}</g>`;

/** A five-pointed star. */
export function star(x: number, y: number, r: number, fill: string): string {
  const points = Array.from({ length: 10 }, (_, i) => {
    const radius = i % 2 === 0 ? r : r * 0.42;
    const angle = (Math.PI * i) / 5 - Math.PI / 2;
    return [x + radius * Math.cos(angle), y + radius * Math.sin(angle)] as const;
  });
  return polygon(points, fill);
}

/** `count` pieces in a row or at random: f is called with each index. */
export const repeat = (count: number, f: (i: number) => string): string => Array.from({ length: count }, (_, i) => f(i)).join('');

/** Sky above a horizon, ground below it. */
export const land = (sky: string, ground: string, horizon = 60): string =>
  rect(0, 0, 100, horizon + 1, sky) + rect(0, horizon, 100, 100 - horizon, ground);
