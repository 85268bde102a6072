//go:build !unix

package userstack

import "net"

// receive waits for a datagram and lends it to take.
func receive(conn net.Conn, take func([]byte)) error { return receiveHolding(conn, take) }
