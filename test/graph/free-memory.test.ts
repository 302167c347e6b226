import { expect, test } from 'vitest';
import { freeMemory } from '../../src/graph/free-memory.ts';

const meminfo = 'MemTotal:       24000000 kB\nMemFree:          100000 kB\nMemAvailable:   20000000 kB\n';
const free = (files: Record<string, string>): number => freeMemory((path) => files[path], 'linux');

test('without a container it is what the kernel calls available', () => {
  expect(free({ '/proc/meminfo': meminfo })).toBe(20_480_000_000);
  expect(free({ '/proc/meminfo': meminfo, '/proc/self/cgroup': '0::/\n' })).toBe(20_480_000_000);
});

test('version 2: the narrowest limit on the way up, pages of files are not counted as taken', () => {
  const files = {
    '/proc/meminfo': meminfo,
    '/proc/self/cgroup': '0::/shop/cart\n',
    '/sys/fs/cgroup/shop/cart/memory.max': 'max\n',
    '/sys/fs/cgroup/shop/cart/memory.current': '1000000000\n',
    '/sys/fs/cgroup/shop/memory.max': '8000000000\n',
    '/sys/fs/cgroup/shop/memory.current': '5000000000\n',
    '/sys/fs/cgroup/shop/memory.stat': 'anon 1000000000\nfile 4000000000\ninactive_file 3000000000\nactive_file 500000000\n',
  };
  expect(free(files)).toBe(6_500_000_000);
  expect(free({ ...files, '/sys/fs/cgroup/memory.max': '4000000000', '/sys/fs/cgroup/memory.current': '4500000000' })).toBe(0);
});

test('version 1, seen from inside a container: its limit stands at the root', () => {
  const files = {
    '/proc/meminfo': meminfo,
    '/proc/self/cgroup': '9:name=systemd:/\n4:cpu,memory:/docker/abc\n0::/\n',
    '/sys/fs/cgroup/memory/memory.limit_in_bytes': '6000000000\n',
    '/sys/fs/cgroup/memory/memory.usage_in_bytes': '2000000000\n',
    '/sys/fs/cgroup/memory/memory.stat': 'inactive_file 7\ntotal_inactive_file 300000000\ntotal_active_file 200000000\n',
  };
  expect(free(files)).toBe(4_500_000_000);
  // No limit is a very large one.
  expect(free({ ...files, '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n' })).toBe(20_480_000_000);
});

test('on this machine there is some', () => {
  expect(freeMemory()).toBeGreaterThan(1e8);
});
