//go:build !linux

package demo

import (
	"context"
	"errors"
)

// Kernel fails: it needs network namespaces.
func Kernel(context.Context, Options) error {
	return errors.New("demo --kernel needs Linux and its network namespaces; leave out --kernel to run here")
}
