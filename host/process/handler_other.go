//go:build !linux || !(amd64 || arm64)

package process

import "os"

func handledSignals(chan<- os.Signal) (stop func(), err error) { return nil, ErrUnsupported }
