/** The verbs are tested as they are shipped: built once, before all tests. */
import { execSync } from 'node:child_process';

export const setup = (): void => void execSync('npm run --silent build', { stdio: 'inherit' });
