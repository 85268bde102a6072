//go:build !linux

package hostnet

import "os"

func newHost(Options) (*host, error) { return nil, ErrUnsupported }

func lockDir(string) (unlock func(), err error) { return nil, ErrUnsupported }

func readOwn(path string) ([]byte, error) { return os.ReadFile(path) }
