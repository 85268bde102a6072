package tuntap

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"

	"culvert/internal/buf"
)

// utun is a driver that, like those of BSD, has four bytes before a packet.
type utun struct {
	outbound [][]byte // what reads give
	inbound  []string // what writes brought
	fail     map[string]error
}

func (u *utun) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	if len(u.outbound) == 0 {
		return 0, os.ErrClosed
	}
	b := bufs[0][offset-driverHeader:]
	binary.BigEndian.PutUint32(b, 2)
	sizes[0] = copy(b[driverHeader:], u.outbound[0])
	u.outbound = u.outbound[1:]
	if sizes[0] == 0 {
		return 0, nil
	}
	return 1, nil
}

func (u *utun) Write(bufs [][]byte, offset int) (int, error) {
	binary.BigEndian.PutUint32(bufs[0][offset-driverHeader:], 2)
	packet := string(bufs[0][offset:])
	if err := u.fail[packet]; err != nil {
		return 0, err
	}
	u.inbound = append(u.inbound, packet)
	return 1, nil
}

func TestOneByOneRead(t *testing.T) {
	const room = 100
	fits := append([]byte{0x45}, make([]byte, room-1)...)
	s := oneByOne{driver: &utun{outbound: [][]byte{fits, nil, append(fits, 1), {0x60, 7}}}}
	p := buf.New(room)
	for i, want := range []int{room, 0, 0, 2} {
		n, err := s.read(p)
		if n != want || err != nil || p.Len() != want {
			t.Errorf("read %d: %d (%d in the packet), %v; want %d", i, n, p.Len(), err, want)
		}
	}
	if got := string(p.Bytes()); got != "\x60\x07" || len(p.Prepend(buf.Headroom)) != buf.Headroom {
		t.Errorf("%q, or headroom lost", got)
	}
	if n := s.oversize.Load(); n != 1 {
		t.Errorf("%d too large, want 1", n)
	}
	if _, err := s.read(p); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

func TestOneByOneWrite(t *testing.T) {
	full := errors.New("no buffer space")
	u := &utun{fail: map[string]error{"Erefused": full, "Egone": os.ErrClosed}}
	s := oneByOne{driver: u}
	batch := batchOf([]byte("E1"), nil, []byte("\x10not IP"), []byte("Erefused"), []byte("`2"), []byte("Egone"), []byte("E3"))
	taken, err := s.writeAll(batch[:5])
	if taken != 2 || err != errNotIP || s.refused.Load() != 3 {
		t.Errorf("taken %d, refused %d, %v", taken, s.refused.Load(), err)
	}
	if taken, err = s.writeAll(batch[5:]); taken != 0 || err != os.ErrClosed {
		t.Errorf("after the end: taken %d, %v", taken, err)
	}
	if len(u.inbound) != 2 || u.inbound[0] != "E1" || u.inbound[1] != "`2" || string(batch[0].Bytes()) != "E1" {
		t.Errorf("%q, and the packet is now %q", u.inbound, string(batch[0].Bytes()))
	}
}

func TestOneByOneDoesNotAllocate(t *testing.T) {
	u := &utun{fail: map[string]error{"E": errNotIP}}
	s, p := oneByOne{driver: u}, batchOf([]byte("E"))
	if n := testing.AllocsPerRun(100, func() { s.writeAll(p) }); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}
