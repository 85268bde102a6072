package mute

import (
	"errors"
	"strings"
)

// Kind returns an error's text, by which the error is recognized when it comes
// again. An error of its chain may have a Kind method, whose result replaces that
// error's text, for texts with parts that change, such as a clock.
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
