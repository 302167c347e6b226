/** The public surface. */
export { UserError } from './errors.ts';
export { Engine, Program, evaluate } from './graph/engine.ts';
export { gradients } from './graph/gradient.ts';
