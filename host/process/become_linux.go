package process

import (
	"os"
	"strconv"
	"strings"
)

// CanBecome reports whether somebody exists in this process's user namespace
// (user_namespaces(7)): root of a container need not have anyone beside itself.
func CanBecome(id Identity) bool {
	groups, err := os.ReadFile("/proc/self/setgroups")
	if err == nil && strings.TrimSpace(string(groups)) == "deny" {
		return false
	}
	return mapped("/proc/self/uid_map", id.UID) && mapped("/proc/self/gid_map", id.GID)
}

// mapped reports whether a number is in a map; a map that cannot be read has all.
func mapped(file string, id int) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return true
	}
	return inMap(string(text), id)
}

func inMap(text string, id int) bool {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		// Without namespaces the count is 2³²-1, more than an int can be on some processors.
		first, err1 := strconv.ParseInt(f[0], 10, 64)
		count, err2 := strconv.ParseInt(f[2], 10, 64)
		if err1 == nil && err2 == nil && first <= int64(id) && int64(id)-first < count {
			return true
		}
	}
	return false
}
