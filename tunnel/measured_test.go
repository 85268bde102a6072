package tunnel

import (
	"net/netip"
	"testing"
	"testing/synctest"

	"culvert/internal/buf"
	"culvert/link"
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
