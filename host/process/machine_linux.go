package process

import (
	"encoding/hex"
	"os"
	"strings"
)

// Place identifies this machine and the calling thread's network namespace: the
// machine's id (machine-id(5)), of which systemd makes addresses too, and the
// namespace's number, left out for the machine's first one, whose number differs
// between kernels. ok is false on a machine without an id, as in many containers.
func Place() (words []string, ok bool) {
	space, err := os.Readlink("/proc/thread-self/ns/net")
	if first, err := os.Readlink("/proc/1/ns/net"); err == nil && first == space {
		space = ""
	}
	id := MachineID()
	return []string{id, space}, err == nil && id != ""
}

// MachineID identifies this machine; "" if nothing does.
func MachineID() string {
	text, _ := os.ReadFile("/etc/machine-id")
	return machineID(string(text))
}

// machineID reads /etc/machine-id (machine-id(5)): 32 hexadecimal digits, not
// all zero. Images for many machines have nothing there, or "uninitialized".
func machineID(text string) string {
	id := strings.TrimSpace(text)
	if b, err := hex.DecodeString(id); err != nil || len(b) != 16 || [16]byte(b) == [16]byte{} {
		return ""
	}
	return id
}
