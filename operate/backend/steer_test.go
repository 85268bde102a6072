package backend

import (
	"strings"
	"testing"

	"culvert/config"
)

// TestFindRemote: a remote is meant by number, host, or host and port.
func TestFindRemote(t *testing.T) {
	list := []config.Remote{{Host: "a.example", Port: "1194"}, {Host: "b.example", Port: "443", Proto: config.Proto{TCP: true}}, {Host: "2001:db8::1", Port: "1194"}}
	for name, want := range map[string]int{"1": 0, "2": 1, "B.example": 1, "b.example:443": 1, "2001:db8::1": 2, "[2001:db8::1]:1194": 2} {
		if r, err := findRemote(list, name); err != nil || r != list[want] {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	for _, name := range []string{"0", "4", "c.example", "a.example:443", ""} {
		if r, err := findRemote(list, name); err == nil || !strings.Contains(err.Error(), "2 b.example:443 (tcp)") {
			t.Errorf("%q: %+v, %v", name, r, err)
		}
	}
	if _, err := findRemote(nil, "1"); err == nil {
		t.Error("a remote of none")
	}
}

// TestUsed: what is said of a move holds of one that gave the same address as before, too, while
// a server is kept.
func TestUsed(t *testing.T) {
	for want, u := range map[string]Used{
		"there was no connection to leave: a is tried now\n":                             {Remote: "a", Trying: true},
		"connected to a; the connection before has ended\n":                              {Remote: "a"},
		"connected to a; what is open from another address than it gives goes on by b\n": {Remote: "a", Kept: "b"},
	} {
		if got := string(u.Append(nil)); got != want {
			t.Errorf("%+v: %q, want %q", u, got, want)
		}
	}
}
