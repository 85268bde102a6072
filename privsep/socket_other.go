//go:build !unix

package privsep

import (
	"net"
	"os"

	"culvert/process"
)

func socketPair() (net.Conn, *os.File, error) { return nil, nil, process.ErrUnsupported }
