package mute

import (
	"errors"
	"fmt"
	"testing"
)

type late struct{ clock int }

func (l late) Error() string { return fmt.Sprintf("it is %d", l.clock) }
func (late) Kind() string    { return "it is late" }

func TestKind(t *testing.T) {
	for want, err := range map[string]error{
		"plain":                      errors.New("plain"),
		"outer: it is late, go home": fmt.Errorf("outer: %w, go home", late{11}),
		"outer: it is late":          fmt.Errorf("outer: %w", late{12}),
	} {
		if got := Kind(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
