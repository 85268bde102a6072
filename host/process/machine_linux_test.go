package process

import (
	"strings"
	"testing"
)

// TestMachineID: what every machine of one image has tells none from others.
func TestMachineID(t *testing.T) {
	const id = "cdcadef92b9342af82a8a8244a366c2d"
	for text, want := range map[string]string{
		id + "\n": id, id: id, "": "", "\n": "", "uninitialized\n": "",
		strings.Repeat("0", 32) + "\n": "", id[:31]: "", id + "0": "", "g" + id[1:]: "",
	} {
		if got := machineID(text); got != want {
			t.Errorf("%q: %q, expected %q", text, got, want)
		}
	}
}
