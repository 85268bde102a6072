package count

import (
	"maps"
	"strconv"
	"testing"
)

type reason int

func (r reason) String() string { return "reason " + strconv.Itoa(int(r)) }

func TestReasons(t *testing.T) {
	var c Reasons[reason]
	if got := c.Snapshot(); len(got) != 0 {
		t.Errorf("at first: %v", got)
	}
	c.Add(0)
	c.Add(0)
	c.AddN(Max-1, 5)
	c.AddN(1, 0)
	if c.Of(0) != 2 || c.Of(Max-1) != 5 || c.Of(1) != 0 {
		t.Errorf("%d, %d and %d", c.Of(0), c.Of(Max-1), c.Of(1))
	}
	if got, want := c.Snapshot(), map[string]uint64{"reason 0": 2, "reason 31": 5}; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
