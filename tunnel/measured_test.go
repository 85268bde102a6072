package tunnel

import (
	"net/netip"
	"testing"
	"testing/synctest"

	"culvert/internal/buf"
	"culvert/link"
	"culvert/operate/manage/packettest"
	"culvert/session"
)

// wholeLink keeps packets whole, and believes in a path of 1300 bytes.
type wholeLink struct{ link.Link }

func (l wholeLink) WriteWhole(p *buf.Packet) error {
	_, err := l.WriteBatch([]*buf.Packet{p})
	return err
}

func (wholeLink) Believed(remote netip.AddrPort) (int, bool) { return 1300, remote.IsValid() }

// TestMeasureEnds: what was measured holds no more when measuring ends, nor on another way.
func TestMeasureEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, _, _ := roads(t)
		p := near.peer
		if p.Measure(1400, session.Echo{}) || p.Measures() {
			t.Error("a link that cannot keep packets whole measures")
		}
		p.link = wholeLink{p.link}
		for name, end := range map[string]func(){
			"the end": func() { p.Measure(0, session.Echo{}) },
			"float":   func() { p.SetPath(p.Path()) },
		} {
			if !p.Measure(1400, session.Echo{}) {
				t.Fatal("not measured")
			}
			p.MaxInner.Store(1400)
			p.Carries(1200, PathFound{Bytes: 1252})
			if p.Carried() != 1200 || p.maxInner() != 1200 {
				t.Errorf("before %s: %d, %d", name, p.Carried(), p.maxInner())
			}
			end()
			_, found := p.Found()
			if p.Carried() != 0 || p.maxInner() != 1400 || found {
				t.Errorf("after %s: %d, %d, found %v", name, p.Carried(), p.maxInner(), found)
			}
		}
		if p.Measure(0, session.Echo{}) || p.Measures() {
			t.Error("still measured")
		}
	})
}

// TestBelieved: in bytes of the datagram, over either protocol.
func TestBelieved(t *testing.T) {
	for remote, want := range map[string]int{"192.0.2.1:1": 1300 - 28, "[::ffff:192.0.2.1]:1": 1300 - 28, "[2001:db8::1]:1": 1300 - 48} {
		if got := believed(wholeLink{}, netip.MustParseAddrPort(remote)); got != want {
			t.Errorf("%s: %d, want %d", remote, got, want)
		}
	}
	if got := believed(wholeLink{}, netip.AddrPort{}); got != 0 {
		t.Errorf("without an address: %d", got)
	}
}

// TestLeastIPv6: packets that IPv6 has every link carry are sent, to be cut outside, unless
// the system refuses them; longer ones are not, and their senders told.
func TestLeastIPv6(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, _ := roads(t)
		near.peer.Carries(1228, PathFound{Bytes: 1280})
		for _, c := range []struct{ size, refused, sent, told int }{{1228, 0, 1, 0}, {1229, 0, 1, 0}, {1280, 0, 1, 0}, {1281, 0, 0, 1}, {1280, 1228, 0, 1}} {
			near.peer.width.inner.Store(int32(c.refused))
			near.nic.Inject(packettest.UDP("[fd00::2]:1", "[fd00::1]:2", c.size-48))
			if sent, told := len(drain(far)), len(near.nic.Drain()); sent != c.sent || told != c.told {
				t.Errorf("%d bytes, the system refuses from %d on: %d sent, %d told", c.size, c.refused, sent, told)
			}
		}
	})
}

// TestCautious: as long as a path is not measured, TCP has segments that nearly every path
// carries; `mssfix 0` holds.
func TestCautious(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, _, _ := roads(t)
		p := near.peer
		p.link = wholeLink{p.link}
		p.MaxInner.Store(1400)
		p.Cautious.Store(1204)
		want := func(when string, inner int) {
			t.Helper()
			if got := p.maxInner(); got != inner {
				t.Errorf("%s: %d, want %d", when, got, inner)
			}
		}
		p.Measure(1400, session.Echo{})
		want("at first", 1204)
		p.width.inner.Store(1100)
		want("the system knows of less", 1100)
		p.width.inner.Store(0)
		p.Carries(0, PathFound{Bytes: 1492})
		want("wide", 1400)
		p.Carries(1260, PathFound{Bytes: 1312})
		want("narrow", 1260)
		p.SetPath(p.Path())
		want("another way", 1204)
		p.Carries(0, PathFound{})
		want("no answer", 1400)
		p.NewWay()
		p.MaxInner.Store(0)
		want("mssfix 0", 0)
	})
}
