package server_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/buf"
	"culvert/internal/simnet"
	"culvert/role/server"
)

// TestUnreached: a client that every answer is lost on its way to is reported once,
// within five seconds; one whose first answer alone is lost is not.
func TestUnreached(t *testing.T) {
	for name, c := range map[string]struct {
		lost func(n int) bool
		want int
	}{"all": {func(int) bool { return true }, 1}, "the first": {func(n int) bool { return n == 0 }, 0}, "none": {func(int) bool { return false }, 0}} {
		n := 0
		inBubble(t, simnet.Options{Delay: 10 * time.Millisecond, Filter: func(from, _ netip.AddrPort, _ []byte) bool {
			if from != serverAddr {
				return true
			}
			n++
			return !c.lost(n - 1)
		}}, func(t *testing.T, w *world) {
			s := w.serve("")
			w.dial("anna", "")
			time.Sleep(5 * time.Second)
			synctest.Wait()
			if got := happened[server.Unreached](s); len(got) != c.want || c.want > 0 && got[0].Times < 2 {
				t.Errorf("%s: %+v, want %d", name, got, c.want)
			}
			time.Sleep(4 * time.Minute)
			if got := happened[server.Unreached](s); len(got) != c.want {
				t.Errorf("%s: reported %d times in the end", name, len(got))
			}
		})
	}
}

// TestUnheard: a client whose large packet after the answer is lost is reported once, and
// as what may be somebody who only measured the way; nobody is who goes on.
func TestUnheard(t *testing.T) {
	for most, want := range map[int]int{400: 1, 2000: 0} {
		inBubble(t, simnet.Options{Delay: 10 * time.Millisecond, Filter: func(_, to netip.AddrPort, p []byte) bool {
			return to != serverAddr || len(p) <= most
		}}, func(t *testing.T, w *world) {
			s := w.serve("")
			w.dial("anna", "")
			for _, after := range []time.Duration{5 * time.Second, 8 * time.Minute} {
				time.Sleep(after)
				synctest.Wait()
				if got := happened[server.Unreached](s); len(got) != want || want > 0 && got[0].Times != 1 {
					t.Errorf("up to %d bytes: %+v, want %d", most, got, want)
				}
			}
		})
	}
}

// TestUnreachedFlood: first packets of many, which go no further, are watched in bounded
// number and reported in bounded number.
func TestUnreachedFlood(t *testing.T) {
	inBubble(t, simnet.Options{}, func(t *testing.T, w *world) {
		all := armours(t)
		s := all[0].serve(w, "")
		for i := range 500 {
			l, err := w.net.Listen(netip.MustParseAddrPort(fmt.Sprintf("198.51.%d.%d:999", 100+i/250, 1+i%250)))
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			for range 2 {
				p := buf.New(100)
				p.Set([]byte{7 << 3, 1, 2, 3, 4, 5, 6, 7, byte(i), 0, 0, 0, 0, 0})
				p.Path.Remote = serverAddr
				l.WriteBatch([]*buf.Packet{p})
			}
		}
		time.Sleep(time.Minute)
		got, more := len(happened[server.Unreached](s)), 0
		for _, m := range happened[server.StuckMore](s) {
			more += m.Count
		}
		if got != 20 || more == 0 || more > 64 {
			t.Errorf("reported %d, and %d more in sum", got, more)
		}
	})
}

// TestUnreachedMeasures: whoever sends other first packets each time only measures the
// way, and is not stuck.
func TestUnreachedMeasures(t *testing.T) {
	inBubble(t, simnet.Options{}, func(t *testing.T, w *world) {
		s := armours(t)[0].serve(w, "")
		l, err := w.net.Listen(attackerAddr)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		for i := range 5 {
			p := buf.New(100)
			p.Set([]byte{7 << 3, 1, 2, 3, 4, 5, 6, 7, byte(i), 0, 0, 0, 0, 0})
			p.Path.Remote = serverAddr
			l.WriteBatch([]*buf.Packet{p})
		}
		time.Sleep(time.Minute)
		if got := happened[server.Unreached](s); len(got) != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// TestBadSources: what a client forwards for others lacks an iroute; what it sends itself
// by another of its addresses is harmless. Each is reported once.
func TestBadSources(t *testing.T) {
	lan, lan6 := netip.MustParseAddr("192.168.7.9"), netip.MustParseAddr("fd00:7::9")
	for name, c := range map[string]struct {
		packet []byte
		reason server.SourceReason
		says   string
	}{
		"its own":         {ipv4(lan, outside, "x"), server.SourceOwn, "such as a phone's: harmless"},
		"its own, IPv6":   {ipv6(lan6, netip.MustParseAddr("2001:db8::1"), "x"), server.SourceOwn, "harmless"},
		"forwarded":       {hops(ipv4(lan, outside, "x"), 63), server.SourceBehind, "`iroute 192.168.7.0 255.255.255.0`"},
		"forwarded, IPv6": {hops(ipv6(lan6, netip.MustParseAddr("2001:db8::1"), "x"), 127), server.SourceBehind, "`iroute-ipv6 fd00:7::/64`"},
		"to a group":      {hops(ipv4(lan, netip.MustParseAddr("239.255.255.250"), "x"), 4), server.SourceOwn, "harmless"},
		"to all":          {hops(ipv4(lan, netip.MustParseAddr("255.255.255.255"), "x"), 1), server.SourceOwn, "harmless"},
	} {
		inBubble(t, simnet.Options{}, func(t *testing.T, w *world) {
			s := w.serve("")
			a := w.connect("anna", "")
			for range 50 {
				a.nic.Inject(append([]byte(nil), c.packet...))
			}
			synctest.Wait()
			got := happened[server.BadSource](s)
			if len(got) != 1 || got[0].Reason != c.reason || !strings.Contains(got[0].Text(), c.says) {
				t.Errorf("%s: %+v", name, got)
			}
		})
	}
}

// hops sets the hop limit of a packet.
func hops(packet []byte, n uint8) []byte {
	at := 8
	if packet[0]>>4 == 6 {
		at = 7
	}
	packet[at] = n
	return packet
}
