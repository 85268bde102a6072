package process

import (
	"math"
	"os"
	"path"
	"strconv"
	"strings"
)

// MemoryLimit is how many bytes this process's control groups let it have, 0 if
// they do not say: cgroups(7), memory.max of each group up to the root; with
// version 1, memory.limit_in_bytes.
func MemoryLimit() int64 {
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return 0
	}
	return memoryLimit(string(groups), func(name string) string {
		text, err := os.ReadFile(path.Join("/sys/fs/cgroup", name))
		if err != nil {
			return ""
		}
		return string(text)
	})
}

// memoryLimit reads /proc/self/cgroup, a line for each hierarchy:
// number:controllers:path.
func memoryLimit(groups string, read func(name string) string) int64 {
	limit := int64(math.MaxInt64)
	for line := range strings.Lines(groups) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		switch {
		case fields[0] == "0" && fields[1] == "":
			limit = min(limit, smallest(fields[2], "", "memory.max", read))
		case fields[1] == "memory":
			limit = min(limit, smallest(fields[2], "memory", "memory.limit_in_bytes", read))
		}
	}
	const none = 1 << 60 // version 1 says so by nearly all that 64 bits hold
	if limit >= none {
		return 0
	}
	return limit
}

// smallest is the least of what the groups from group up to the root say. In a
// container the root is the container's own group, whatever its path is.
func smallest(group, hierarchy, file string, read func(name string) string) int64 {
	limit := int64(math.MaxInt64)
	for group = path.Clean("/" + group); ; group = path.Dir(group) {
		n, err := strconv.ParseInt(strings.TrimSpace(read(path.Join(hierarchy, group, file))), 10, 64)
		if err == nil && n > 0 {
			limit = min(limit, n)
		}
		if group == "/" {
			return limit
		}
	}
}
