/** A Vulkan device in software for tests of WebGPU: SwiftShader, from Debian's packages chromium and libvulkan1. */
import { existsSync } from 'node:fs';
import { probe } from '../src/graph/probe.ts';

const swiftshader = '/usr/lib/chromium/vk_swiftshader_icd.json';
if (process.env.VK_ICD_FILENAMES === undefined && existsSync(swiftshader)) process.env.VK_ICD_FILENAMES = swiftshader;

const found = probe('webgpu');
/** Why there is no WebGPU to test with; undefined where there is. */
export const missing: string | undefined = 'why' in found ? found.why : undefined;
/** For the title of what is skipped. */
export const needs = missing === undefined ? '' : ` (skipped: WebGPU needs Debian's chromium and libvulkan1, or a GPU: ${missing})`;
