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
		first, err1 := strconv.Atoi(f[0])
		count, err2 := strconv.Atoi(f[2])
		if err1 == nil && err2 == nil && first <= id && id-first < count {
			return true
		}
	}
	return false
}
