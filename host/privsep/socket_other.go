//go:build !unix

package privsep

import (
	"net"
	"os"

	"culvert/host/process"
)

// The kinds of socket pairs.
const (
	stream = iota
	packets
)

func socketPair(int) (net.Conn, *os.File, error) { return nil, nil, process.ErrUnsupported }
