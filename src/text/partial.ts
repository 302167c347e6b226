/** What an interrupted request has brought so far: FILE.partial.jsonl, the request first, then a prompt a line. */
import { appendFileSync, existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { UserError } from '../errors.ts';
import { writeAtomically } from '../files/atomic.ts';
import { contextTypes } from './grammar/grammar.ts';
import type { ContextType, TypedPrompt } from './grammar/grammar.ts';

const isPrompt = (value: unknown): value is TypedPrompt => {
  const { prompt, type } = (value ?? {}) as Record<string, unknown>;
  return typeof prompt === 'string' && (contextTypes as readonly unknown[]).includes(type);
};

export class PartialPrompts {
  readonly path: string;
  readonly prompts: readonly TypedPrompt[];
  /** How many the file holds by now. */
  count: number;
  private constructor(path: string, prompts: readonly TypedPrompt[]) {
    this.path = path;
    this.prompts = prompts;
    this.count = prompts.length;
  }

  /** Opens or begins one. Throws a UserError where what is there belongs to another request. */
  static async open(path: string, request: Readonly<Record<string, string>>): Promise<PartialPrompts> {
    if (!existsSync(path)) {
      await writeAtomically(path, `${JSON.stringify(request)}\n`);
      return new PartialPrompts(path, []);
    }
    const text = await readFile(path, 'utf8');
    // A line that was cut off by the interruption is left out, and so that the next one is whole, ended.
    const values = text.split('\n').flatMap((line): unknown[] => {
      try {
        return [JSON.parse(line)];
      } catch {
        return [];
      }
    });
    const before = (values[0] ?? {}) as Record<string, unknown>;
    const other = Object.keys(request).find((key) => before[key] !== request[key]);
    if (other !== undefined)
      throw new UserError(
        `${path} was begun with ${other} ${JSON.stringify(before[other] ?? null)}, not ${JSON.stringify(request[other])}: ask for the same, remove the file, or choose another --out`,
      );
    if (text !== '' && !text.endsWith('\n')) appendFileSync(path, '\n');
    return new PartialPrompts(
      path,
      values.filter(isPrompt).map(({ prompt, type }): TypedPrompt => ({ prompt, type: type satisfies ContextType })),
    );
  }

  add(prompts: readonly TypedPrompt[]): void {
    if (prompts.length > 0) appendFileSync(this.path, prompts.map((one) => `${JSON.stringify(one)}\n`).join(''));
    this.count += prompts.length;
  }

  remove(): Promise<void> {
    return rm(this.path, { force: true });
  }
}
