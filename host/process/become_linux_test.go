package process

import "testing"

func TestInMap(t *testing.T) {
	const all, one, some = "         0          0 4294967295\n", "0 1000 1\n", "0 1000 1\n1 100000 65536\n"
	for _, c := range []struct {
		text string
		id   int
		want bool
	}{{all, 65534, true}, {one, 0, true}, {one, 65534, false}, {some, 65534, true}, {some, 65536, true}, {some, 65537, false}, {"", 0, false}} {
		if inMap(c.text, c.id) != c.want {
			t.Errorf("%d in %q: %v", c.id, c.text, !c.want)
		}
	}
}
