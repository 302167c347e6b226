/** Matrices as products of thin ones: randomised subspace iteration (Halko, Martinsson & Tropp, 2011, algorithm 4.4). */
import { Matrix, QrDecomposition, SingularValueDecomposition } from 'ml-matrix';
import { Random } from '../graph/random.ts';
import type { Weight } from './method.ts';

const oversampling = 8;
const iterations = 3;

export interface LowRank {
  /** [O, r] */
  up: Weight;
  /** [r, I] */
  down: Weight;
  /** Share of the squared entries that the product keeps. */
  energy: number;
}

/** The best approximation of a matrix [O, I] of rank r, its singular values shared evenly by both factors. */
export function lowRank({ data, shape }: Weight, rank: number): LowRank {
  const [rows, columns] = shape as [number, number];
  const kept = Math.min(rank, rows, columns);
  const width = Math.min(kept + oversampling, rows, columns);
  const a = Matrix.from1DArray(rows, columns, data);
  const transposed = a.transpose();
  const basis = (m: Matrix): Matrix => new QrDecomposition(m).orthogonalMatrix.subMatrix(0, m.rows - 1, 0, m.columns - 1);
  const start = Matrix.from1DArray(columns, width, new Random(0).fork('low rank').normals(columns * width));
  let range = basis(a.mmul(start));
  for (let i = 0; i < iterations; i++) range = basis(a.mmul(basis(transposed.mmul(range))));
  const small = new SingularValueDecomposition(range.transpose().mmul(a), { autoTranspose: true });
  const roots = small.diagonal.slice(0, kept).map(Math.sqrt);
  const left = range.mmul(small.leftSingularVectors);
  const right = small.rightSingularVectors;
  const up = Float32Array.from({ length: rows * kept }, (_, i) => left.get(Math.floor(i / kept), i % kept) * roots[i % kept]!);
  const down = Float32Array.from(
    { length: kept * columns },
    (_, i) => right.get(i % columns, Math.floor(i / columns)) * roots[Math.floor(i / columns)]!,
  );
  const total = data.reduce((sum, x) => sum + x * x, 0);
  const captured = roots.reduce((sum, root) => sum + root ** 4, 0);
  return {
    up: { data: up, shape: [rows, kept] },
    down: { data: down, shape: [kept, columns] },
    energy: total === 0 ? 1 : captured / total,
  };
}
