package nearest

import (
	"slices"
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	names := []string{"alice", "alina", "bob", "phone"}
	for name, want := range map[string]string{"alcie": "alice", "alic": "alice", "alin": "alina", "phobe": "phone", "bo": "bob", "": "", "eve": "", "somebody": "", strings.Repeat("a", 65): ""} {
		if got := Of(slices.Values(names), name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
