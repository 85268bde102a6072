package backend

import (
	"fmt"
	"strings"
	"testing"
)

func TestUpdatedText(t *testing.T) {
	u := Updated{Told: []string{"a\x1b", "b"}, Unable: []string{"c"}}
	if got, want := string(u.Append(nil)), "told 2: a\\x1b, b\ntake no changes while connected (PUSH_UPDATE), only when they connect again 1: c\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := string(new(Updated).Append(nil)); got != "told 0\n" {
		t.Errorf("%q", got)
	}
	u = Updated{}
	for i := range 25 {
		u.Missing = append(u.Missing, fmt.Sprint(i))
	}
	if got := string(u.Append(nil)); !strings.HasSuffix(got, "18, 19 and 5 more\n") {
		t.Errorf("%q", got)
	}
}
