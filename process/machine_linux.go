package process

import (
	"os"
	"strings"
)

// Place is what tells this machine, and the network namespace of the calling
// thread, from others: the machine's id, of which systemd makes addresses too
// (machine-id(5)), and the namespace's number, but for the machine's first one,
// which has another with each kernel. ok is false where a machine has no id, as
// in many containers.
func Place() (words []string, ok bool) {
	space, err := os.Readlink("/proc/thread-self/ns/net")
	if first, err := os.Readlink("/proc/1/ns/net"); err == nil && first == space {
		space = ""
	}
	id := MachineID()
	return []string{id, space}, err == nil && id != ""
}

// MachineID is what tells this machine from others, "" if nothing does.
func MachineID() string {
	id, _ := os.ReadFile("/etc/machine-id")
	return strings.TrimSpace(string(id))
}
