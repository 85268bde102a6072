package bolt

import "testing"

func TestHolder(t *testing.T) {
	const locks = "1: POSIX  ADVISORY  WRITE 11 08:01:5678 0 EOF\n2: FLOCK  ADVISORY  WRITE 12 08:01:15678 0 EOF\n" +
		"3: FLOCK  ADVISORY  WRITE 13 00:2f:5678 0 EOF\n3: -> FLOCK  ADVISORY  WRITE 14 00:2f:5678 0 EOF\nx\n\n"
	if got := holder(locks, 5678); got != "13" {
		t.Errorf("%q", got)
	}
	if got := holder(locks, 678); got != "" {
		t.Errorf("%q", got)
	}
}
