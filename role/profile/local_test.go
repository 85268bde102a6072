package profile

import (
	"strings"
	"testing"
)

// TestLocalAddr: `local` takes an address or a name, of the family asked for.
func TestLocalAddr(t *testing.T) {
	for _, c := range []struct{ local, network, want string }{
		{"192.0.2.5", "ip", "192.0.2.5"},
		{"localhost", "ip4", "127.0.0.1"},
		{"192.0.2.5", "ip6", ""},
	} {
		a, err := LocalAddr(t.Context(), c.network, c.local)
		switch {
		case c.want == "":
			if err == nil || !strings.Contains(err.Error(), "local "+c.local) {
				t.Errorf("%+v: %v", c, err)
			}
		case err != nil || a.String() != c.want:
			t.Errorf("%+v: %v, %v", c, a, err)
		}
	}
}
