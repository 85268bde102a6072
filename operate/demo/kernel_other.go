//go:build !linux

package demo

import (
	"context"
	"errors"
)

// Kernel needs network namespaces.
func Kernel(context.Context, Options) error {
	return errors.New("demo --kernel needs the network namespaces of Linux; without --kernel it runs here too")
}
