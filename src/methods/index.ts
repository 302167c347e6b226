/** The methods by name. */
import { UserError } from '../errors.ts';
import { customDiffusion } from './custom-diffusion.ts';
import { dreamBooth } from './dreambooth.ts';
import { lora } from './lora.ts';
import type { Method } from './method.ts';
import { textualInversion } from './textual-inversion.ts';
import { extendedTextualInversion } from './xti.ts';

const methods = new Map<string, Method>();

/** Adds a method to those that recipes can name. */
export function register(method: Method): void {
  methods.set(method.name, method);
}

for (const method of [textualInversion, extendedTextualInversion, dreamBooth, customDiffusion, lora]) register(method);

export const methodNames = (): string[] => [...methods.keys()];

export function methodOf(name: string): Method {
  const method = methods.get(name);
  if (method === undefined) throw new UserError(`--method ${name}: one of ${methodNames().join(', ')} is expected`);
  return method;
}
