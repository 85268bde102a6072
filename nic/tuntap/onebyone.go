package tuntap

import (
	"cmp"
	"errors"
	"os"
	"sync/atomic"

	"culvert/internal/buf"
)

// driver is the part of WireGuard's tun.Device that oneByOne needs.
type driver interface {
	Read(bufs [][]byte, sizes []int, offset int) (int, error)
	Write(bufs [][]byte, offset int) (int, error)
}

// oneByOne moves packets one by one, for systems whose drivers do so. One goroutine
// reads and another writes.
type oneByOne struct {
	driver   driver
	in, out  transit // in: packets we write; out: packets we read
	refused  atomic.Uint64
	oversize atomic.Uint64
}

// transit is the packet under way in one direction. It lives as long as the
// device, so that a packet allocates nothing.
type transit struct {
	bufs  [1][]byte
	sizes [1]int
}

// driverHeader is the room that package tun needs before a packet: BSD drivers have
// the address family there.
const driverHeader = 4

var errNotIP = errors.New("not an IP packet")

// read waits for a packet, reads it into p and returns its length. It returns 0 for
// something that was no packet, or was too large and has been counted.
func (s *oneByOne) read(p *buf.Packet) (int, error) {
	p.Reset()
	room := len(p.Room())
	p.SetLen(room)
	p.Append(1) // the driver silently cuts a packet that does not fit; this byte shows it
	p.Prepend(driverHeader)
	s.out.bufs[0] = p.Bytes()
	got, err := s.driver.Read(s.out.bufs[:], s.out.sizes[:], driverHeader)
	p.Reset()
	if err != nil || got == 0 {
		return 0, err
	}
	n := s.out.sizes[0]
	if n > room {
		s.oversize.Add(1)
		return 0, nil
	}
	p.SetLen(n)
	return n, nil
}

// writeAll writes packets, and returns how many the driver took and the first
// error. A packet it refuses is counted and skipped.
func (s *oneByOne) writeAll(batch []*buf.Packet) (taken int, first error) {
	for _, p := range batch {
		err := s.write(p)
		if err == nil {
			taken++
			continue
		}
		first = cmp.Or(first, err)
		if errors.Is(err, os.ErrClosed) {
			return taken, err
		}
		s.refused.Add(1)
	}
	return taken, first
}

// write writes p and leaves it unchanged.
func (s *oneByOne) write(p *buf.Packet) error {
	b := p.Bytes()
	if len(b) == 0 || b[0]>>4 != 4 && b[0]>>4 != 6 {
		return errNotIP
	}
	p.Prepend(driverHeader)
	s.in.bufs[0] = p.Bytes()
	_, err := s.driver.Write(s.in.bufs[:], driverHeader)
	p.TrimFront(driverHeader)
	return err
}
