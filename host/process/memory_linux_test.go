package process

import "testing"

func TestMemoryLimit(t *testing.T) {
	for name, c := range map[string]struct {
		groups string
		files  map[string]string
		want   int64
	}{
		"none":              {"0::/user.slice\n", map[string]string{"/user.slice/memory.max": "max\n"}, 0},
		"no groups":         {"", nil, 0},
		"own":               {"0::/a/b\n", map[string]string{"/a/b/memory.max": "268435456\n"}, 256 << 20},
		"a parent's":        {"0::/a/b\n", map[string]string{"/a/memory.max": "1000000\n", "/a/b/memory.max": "max\n"}, 1000000},
		"in a container":    {"0::/\n", map[string]string{"/memory.max": "1000\n"}, 1000},
		"outside the mount": {"0::/../../x\n", map[string]string{"/memory.max": "1000\n"}, 1000},
		"version 1":         {"9:cpu,cpuacct:/d\n5:memory:/d\n", map[string]string{"memory/d/memory.limit_in_bytes": "2000\n"}, 2000},
		"version 1, none":   {"5:memory:/d\n", map[string]string{"memory/d/memory.limit_in_bytes": "9223372036854771712\n"}, 0},
		"nonsense":          {"0::/a\nx\n", map[string]string{"/a/memory.max": "-5\n", "/memory.max": "1k"}, 0},
	} {
		if got := memoryLimit(c.groups, func(f string) string { return c.files[f] }); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
