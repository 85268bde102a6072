package hub

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"culvert/internal/buf"
	"culvert/nic"
	"culvert/nic/frame"
)

// mac is the address of the nth station.
func mac(n int) frame.MAC { return frame.MAC{2, 0, 0, byte(n >> 16), byte(n >> 8), byte(n)} }

// world is a hub with stations on its ports, in a bubble.
type world struct {
	t   *testing.T
	hub *Hub
	all []*station
}

// inWorld runs a test on a hub of its own.
func inWorld(t *testing.T, test func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, hub: Start(Options{})}
		test(w)
		if err := w.hub.Close(); err != nil {
			t.Error(err)
		}
	})
}

// station is what is behind a port, and has the address of the adapter there.
type station struct {
	t    *testing.T
	mac  frame.MAC
	port *Port
	wire nic.NIC

	mu  sync.Mutex
	got []string
}

// adapter plugs a station in. Its address ends in n.
func (w *world) adapter(name string, n int, o PortOptions) *station {
	w.t.Helper()
	o.MAC = mac(n)
	return w.plug(name, mac(n), o)
}

// uplink plugs in the way out, with one station behind it.
func (w *world) uplink(n int) *station {
	w.t.Helper()
	return w.plug("uplink", mac(n), PortOptions{Uplink: true})
}

func (w *world) plug(name string, m frame.MAC, o PortOptions) *station {
	w.t.Helper()
	near, far := NewPair(name, "behind "+name, 1500)
	port, err := w.hub.Add(near, o)
	if err != nil {
		w.t.Fatal(err)
	}
	s := &station{t: w.t, mac: m, port: port, wire: far}
	go s.listen()
	w.all = append(w.all, s)
	return s
}

// listen notes what arrives, except probes for loops.
func (s *station) listen() {
	batch := buf.NewBatch(16, frameSize(1500))
	for {
		n, err := s.wire.ReadBatch(batch)
		if errors.Is(err, fs.ErrClosed) {
			return
		}
		s.mu.Lock()
		for _, p := range batch[:n] {
			if h, _ := frame.Parse(p.Bytes()); h.Type != typeLoopback {
				s.got = append(s.got, describe(p.Bytes()))
			}
		}
		s.mu.Unlock()
	}
}

// describe is the payload, and the tag if there is one.
func describe(b []byte) string {
	h, _ := frame.Parse(b)
	if h.Tagged {
		return fmt.Sprintf("%s@%d", b[h.Len:], h.VLAN)
	}
	return string(b[h.Len:])
}

// send sends a frame from the station's own address.
func (s *station) send(dst frame.MAC, payload string) {
	s.t.Helper()
	s.raw(frame.Header{Dst: dst, Src: s.mac, Type: frame.TypeIPv4}, payload)
}

func (s *station) raw(h frame.Header, payload string) {
	s.t.Helper()
	s.bytes(append(h.Append(nil), payload...))
}

func (s *station) bytes(b []byte) {
	s.t.Helper()
	p := buf.New(len(b))
	p.Set(b)
	if n, err := s.wire.WriteBatch([]*buf.Packet{p}); n != 1 {
		s.t.Error(err)
	}
}

// arrived checks what stations got since the last time: "name: payloads" for
// each that got something, in order of the ports.
func (w *world) arrived(want ...string) {
	w.t.Helper()
	synctest.Wait()
	var got []string
	for _, s := range w.all {
		s.mu.Lock()
		if len(s.got) > 0 {
			got = append(got, s.port.Name()+": "+strings.Join(s.got, " "))
		}
		s.got = nil
		s.mu.Unlock()
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("arrived %q, expected %q", got, want)
	}
}

// dropped checks what a port has dropped so far, except probes.
func (s *station) dropped(want map[Drop]uint64) {
	s.t.Helper()
	synctest.Wait()
	for d := range Drops {
		if got := s.port.Dropped(d); got != want[d] && d != Looped {
			s.t.Errorf("%s dropped %d for %q, expected %d", s.port.Name(), got, d, want[d])
		}
	}
}
