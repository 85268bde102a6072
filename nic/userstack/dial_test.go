package userstack

import (
	"errors"
	"syscall"
	"testing"
)

// TestNowhere: what no tunnel leads to is answered at once, though nobody is at
// the other end.
func TestNowhere(t *testing.T) {
	s := newStack(t, Options{Addresses: clientPrefixes})
	for _, c := range []struct {
		network, address string
		want             error
	}{
		{"tcp", "127.0.0.1:80", syscall.EACCES},
		{"tcp", "127.8.8.8:80", syscall.EACCES},
		{"tcp", "[::1]:80", syscall.EACCES},
		{"tcp", "[::ffff:127.0.0.1]:80", syscall.EACCES},
		{"tcp", "0.0.0.0:80", syscall.EACCES},
		{"tcp", "[::]:80", syscall.EACCES},
		{"udp", "127.0.0.1:53", syscall.EACCES},
		{"tcp", "255.255.255.255:80", syscall.ENETUNREACH},
		{"tcp", "10.8.0.255:80", syscall.ENETUNREACH},
		{"tcp", "224.0.0.251:80", syscall.ENETUNREACH},
		{"tcp", "[ff02::fb]:80", syscall.ENETUNREACH},
	} {
		conn, err := s.DialContext(timeout(t), c.network, c.address)
		if !errors.Is(err, c.want) {
			t.Errorf("%s %s: %v", c.network, c.address, err)
		}
		if err == nil {
			conn.Close()
		}
	}
	if s.broadcast(clientPrefixes[0].Addr()) {
		t.Error("an own address is taken for a broadcast's")
	}
}
