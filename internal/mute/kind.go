package mute

import (
	"errors"
	"strings"
)

// Kind is an error's text, by which it is known when it comes again. Where an
// error of its chain has a Kind, that stands in place of its text, which has what
// differs from one time to the next, such as a clock.
func Kind(err error) string {
	text := err.Error()
	var k interface {
		error
		Kind() string
	}
	if errors.As(err, &k) {
		text = strings.ReplaceAll(text, k.Error(), k.Kind())
	}
	return text
}
