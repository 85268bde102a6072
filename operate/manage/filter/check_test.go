package filter

import (
	"strings"
	"testing"
)

// TestCheck: a filter for frames alone is right, and one that is wrong everywhere is
// not.
func TestCheck(t *testing.T) {
	for _, text := range []string{"", "icmp", "ether host 02:00:00:00:00:01", "vlan 3 and tcp port 443"} {
		if err := Check(strings.Fields(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := Check([]string{"tcp", "nosuch"}); err == nil || !strings.Contains(err.Error(), "nosuch") {
		t.Errorf("tcp nosuch: %v", err)
	}
}
