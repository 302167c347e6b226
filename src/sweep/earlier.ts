/** What a recipe has measured before. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { UserError } from '../errors.ts';

/**
 * The result in a file, where there is one. Throws a UserError where it was measured under other settings; `folder` is
 * what is to be removed then, if settings also say which run was measured.
 */
export async function earlierResult<T extends { settings: unknown }>(
  path: string,
  settings: unknown,
  folder?: string,
): Promise<T | undefined> {
  if (!existsSync(path)) return undefined;
  const earlier = JSON.parse(await readFile(path, 'utf8')) as T;
  if (JSON.stringify(earlier.settings) === JSON.stringify(settings)) return earlier;
  throw new UserError(
    folder === undefined
      ? `${path} was measured under other settings than this recipe asks for: choose another --out`
      : `${path} was measured under other settings or of another run than this recipe asks for: remove ${folder}`,
  );
}
