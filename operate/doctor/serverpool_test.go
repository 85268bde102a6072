package doctor

import (
	"testing"

	"culvert/operate/backend"
)

func TestInUse(t *testing.T) {
	if n := inUse([]backend.Peer{{Name: "a"}, {Name: "UNDEF", Connecting: true}, {Name: "b"}}); n != 2 {
		t.Errorf("%d of two that are in and one that knocks", n)
	}
}
