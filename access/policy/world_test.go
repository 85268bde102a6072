package policy

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"culvert/access"
	"culvert/tunnel"
)

// world is a guard with clients alice (10.8.0.2, group staff), bob (10.8.0.3, group guests)
// and carol (10.8.0.4, both groups), each with a device laptop.
type world struct {
	*testing.T
	guard *Guard
	seats map[string]*Seat
	now   time.Time
}

var addresses = map[string]string{"alice": "10.8.0.2", "bob": "10.8.0.3", "carol": "10.8.0.4"}

var testGroups = map[string][]string{"alice": {"staff"}, "bob": {"guests"}, "carol": {"guests", "staff"}}

var testPlace = Place{
	Server: []netip.Addr{netip.MustParseAddr("10.8.0.1"), netip.MustParseAddr("198.51.100.1")},
	Inside: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")},
}

func parsed(t testing.TB, text string) *File {
	t.Helper()
	f, err := Parse("policy", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func compiled(t testing.TB, text string) *Policy {
	t.Helper()
	return Compile(parsed(t, text), testPlace)
}

func whoOf(name string) Who {
	return Who{CommonName: "laptop." + name, User: name, Device: "laptop." + name, Groups: testGroups[name]}
}

func newWorld(t *testing.T, text string) *world {
	t.Helper()
	w := &world{T: t, seats: make(map[string]*Seat), now: time.Unix(1_800_000_000, 0)}
	w.guard = NewGuard(compiled(t, text), func(a *access.Applicant) Who { return whoOf(a.Name) })
	w.guard.FindBy(func(a netip.Addr) *Seat {
		for name, at := range addresses {
			if netip.MustParseAddr(at) == a {
				return w.seats[name]
			}
		}
		return nil
	})
	for name := range addresses {
		w.seats[name] = w.guard.Enter(&access.Applicant{Identity: access.Identity{Name: name}})
	}
	return w
}

func (w *world) adopt(text string) { w.Helper(); w.guard.Adopt(compiled(w.T, text)) }

// where is the address of a client, or what text says.
func where(text string) netip.Addr {
	if a := addresses[text]; a != "" {
		return netip.MustParseAddr(a)
	}
	return netip.MustParseAddr(text)
}

// send judges a packet between two clients or addresses, and reports whether it passes.
func (w *world) send(from, to string, p []byte) bool {
	w.Helper()
	drop, why := w.guard.Judge(w.now, w.seats[from], w.seats[to], p)
	if drop == tunnel.Denied && why == "" {
		w.Errorf("%s to %s: dropped without a reason", from, to)
	}
	return drop == tunnel.Kept
}

// expect fails if a packet does not pass as it should.
func (w *world) expect(pass bool, what, from, to string, p []byte) {
	w.Helper()
	if got := w.send(from, to, p); got != pass {
		w.Errorf("%s, %s to %s: passes: %v", what, from, to, got)
	}
}

// tcpPacket is a packet of TCP.
func tcpPacket(from, to string, sport, dport uint16, flags uint8) []byte {
	return ip(where(from), where(to), protoTCP, ports4(sport, dport, 20, 13, flags))
}

func udpPacket(from, to string, sport, dport uint16) []byte {
	return ip(where(from), where(to), protoUDP, ports4(sport, dport, 12, 11, 0))
}

func ports4(sport, dport uint16, size, at int, b byte) []byte {
	h := make([]byte, size)
	binary.BigEndian.PutUint16(h, sport)
	binary.BigEndian.PutUint16(h[2:], dport)
	h[at] = b
	return h
}

func echoPacket(from, to string, answer bool, id uint16) []byte {
	kind, proto := byte(8), byte(protoICMP)
	if answer {
		kind = 0
	}
	if where(from).Is6() {
		proto, kind = protoICMPv6, 128
		if answer {
			kind = 129
		}
	}
	return ip(where(from), where(to), proto, []byte{kind, 0, 0, 0, byte(id >> 8), byte(id), 0, 1})
}

// errorPacket is an ICMP error about a packet.
func errorPacket(from, to string, about []byte) []byte {
	kind, proto := byte(3), byte(protoICMP)
	if where(from).Is6() {
		kind, proto = 1, protoICMPv6
	}
	return ip(where(from), where(to), proto, append([]byte{kind, 3, 0, 0, 0, 0, 0, 0}, about...))
}

func ip(src, dst netip.Addr, proto byte, payload []byte) []byte {
	if src.Is6() {
		b := make([]byte, 40, 40+len(payload))
		b[0], b[6], b[7] = 0x60, proto, 64
		binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
		copy(b[8:], src.AsSlice())
		copy(b[24:], dst.AsSlice())
		return append(b, payload...)
	}
	b := make([]byte, 20, 20+len(payload))
	b[0], b[8], b[9] = 0x45, 64, proto
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(payload)))
	copy(b[12:], src.AsSlice())
	copy(b[16:], dst.AsSlice())
	return append(b, payload...)
}
