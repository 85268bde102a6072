package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestEveryErrorIsKept: a step's error is a fault whatever its type, so that no
// configuration is taken that a step failed on.
func TestEveryErrorIsKept(t *testing.T) {
	fault := &Error{Pos: Pos{"a.conf", 3}, Directive: "dev", Reason: "wrong"}
	r := &record{first: "a.conf"}
	for _, err := range []error{nil, fault, fmt.Errorf("wrapped: %w", fault), errors.New("plain")} {
		r.add(err)
	}
	var got []string
	for _, e := range r.errs {
		got = append(got, e.Error())
	}
	if want := "a.conf:3: dev: wrong|a.conf:3: dev: wrong|a.conf: plain"; strings.Join(got, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
}
