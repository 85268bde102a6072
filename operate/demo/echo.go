package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"slices"
	"time"
)

// echo answers every datagram with itself until the socket is closed.
func echo(conn net.PacketConn) {
	b := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFrom(b)
		if err != nil {
			return
		}
		conn.WriteTo(b[:n], from)
	}
}

// rounds is the number of datagrams that measure a round trip.
const rounds = 51

// roundTrip returns the median time for 32 bytes to an echo server and back. It
// sends lost datagrams again.
func roundTrip(ctx context.Context, dial dialer, address string) (time.Duration, error) {
	conn, err := dial(ctx, "udp", address)
	if err != nil {
		return 0, fmt.Errorf("echo at %s: %w", address, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	var took []time.Duration
	for lost := 0; len(took) < rounds; {
		d, err := exchange(conn)
		if err == nil {
			took = append(took, d)
		} else if lost++; lost == 3 || ctx.Err() != nil {
			return 0, fmt.Errorf("echo at %s: %w", address, err)
		}
	}
	slices.Sort(took)
	return took[rounds/2], nil
}

func exchange(conn net.Conn) (time.Duration, error) {
	var sent, got [32]byte
	rand.Read(sent[:])
	conn.SetDeadline(time.Now().Add(2 * time.Second))
	start := time.Now()
	if _, err := conn.Write(sent[:]); err != nil {
		return 0, err
	}
	for {
		n, err := conn.Read(got[:])
		if err != nil {
			return 0, err
		}
		if bytes.Equal(got[:n], sent[:]) {
			return time.Since(start), nil
		}
	}
}
