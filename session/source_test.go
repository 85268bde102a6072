package session

import (
	"crypto/rand"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"culvert/session/wire"
	"culvert/session/wrap"
)

func TestSource(t *testing.T) {
	for a, want := range map[string]string{
		"192.0.2.7":              "192.0.2.7/32",
		"::ffff:192.0.2.7":       "192.0.2.7/32",
		"2001:db8:1:2345:6::7":   "2001:db8:1:2300::/56",
		"fe80::1%eth0":           "fe80::/56",
		"2001:db8:1:23ff:ffff::": "2001:db8:1:2300::/56",
	} {
		if got := Source(netip.MustParseAddr(a)); got != netip.MustParsePrefix(want) {
			t.Errorf("%s: %v, want %v", a, got, want)
		}
	}
}

// knock sends first packets from an address, as anybody can in its name, and
// returns how many bytes went in and came out.
func knock(t *testing.T, g *Greeter, now time.Time, from netip.AddrPort, n int) (in, out, answers int) {
	t.Helper()
	for i := range n {
		reset := wrap.None{}.Wrap(nil, &wire.Control{Op: wire.PControlHardResetClientV2, Session: wire.SessionID{1, byte(i), byte(i >> 8)}}, now)
		reply, _, err := g.Greet(now, from, reset)
		if (err != nil) != (reply == nil) {
			t.Fatal(reply, err)
		}
		in += len(reset)
		if err == nil {
			out += len(reply)
			answers++
		}
	}
	return in, out, answers
}

// TestAnswersAreLimited: a flood in the name of one address gets what one
// address gets, and a client elsewhere is answered as if there were none; one
// that shares the limit is, as soon as the flood ends.
func TestAnswersAreLimited(t *testing.T) {
	g := NewGreeter(wrap.Armour{}, Rate{})
	now := time.Unix(1_800_000_000, 0)
	victim := netip.MustParseAddrPort("[2001:db8:0:100::1]:7")
	answers := 0
	for second := range 60 {
		for ms := range 10 {
			at := now.Add(time.Duration(second)*time.Second + time.Duration(ms)*100*time.Millisecond)
			_, _, n := knock(t, g, at, victim, 1100)
			answers += n
		}
	}
	if answers < 6900 || answers > 7000 { // 1,000 at once, and 100 a second
		t.Errorf("%d answers in a minute", answers)
	}
	now = now.Add(time.Minute)
	if _, _, n := knock(t, g, now, netip.MustParseAddrPort("192.0.2.9:1000"), 100); n != 100 {
		t.Errorf("%d of 100 answered elsewhere", n)
	}
	for site, want := range map[string]int{"[2001:db8:0:1ff::2]:9": 1, "[2001:db8:0:200::2]:9": 1} {
		if _, _, n := knock(t, g, now.Add(time.Second), netip.MustParseAddrPort(site), 1); n != want {
			t.Errorf("%s: %d answers", site, n)
		}
	}
}

// prove has a client prove its address, as knock has begun, and reports whether it may
// have a session. The numbers are those of knock.
func prove(t *testing.T, g *Greeter, now time.Time, from netip.AddrPort, i int) bool {
	t.Helper()
	id := wire.SessionID{1, byte(i), byte(i >> 8)}
	ack := wrap.None{}.Wrap(nil, &wire.Control{Op: wire.PAckV1, Session: id, Acks: []wire.PacketID{0}, Peer: g.cookie(slot(now), from, id)}, now)
	_, in, err := g.Greet(now, from, ack)
	return err == nil && in.Proven
}

// TestAnswersInAll: connect-freq-initial counts what all sources send in a period, as
// stock 2.6.14 was seen to: with 20 in 5 s, 20 of 50 first packets are answered, none
// from elsewhere in the same period, and 20 in the next. A client that proves its
// address gives its place back, once.
func TestAnswersInAll(t *testing.T) {
	g := NewGreeter(wrap.Armour{}, Rate{N: 20, Per: 5 * time.Second})
	now := time.Unix(1_800_000_000, 0)
	at := func(n byte) netip.AddrPort { return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 99, 0, n}), 1194) }
	answers := func(after time.Duration, from byte, n int) int {
		_, _, got := knock(t, g, now.Add(after), at(from), n)
		return got
	}
	for i, c := range []struct {
		after   time.Duration
		from    byte
		n, want int
	}{{0, 2, 50, 20}, {300 * time.Millisecond, 3, 50, 0}, {4999 * time.Millisecond, 4, 50, 0}, {7 * time.Second, 5, 30, 20}, {7 * time.Second, 6, 1, 0}} {
		if got := answers(c.after, c.from, c.n); got != c.want {
			t.Errorf("%d: %d answers, want %d", i, got, c.want)
		}
	}
	after := 20 * time.Second
	now = now.Add(after)
	if got := answers(0, 7, 20); got != 20 {
		t.Fatalf("%d answers in a new period", got)
	}
	for range 3 {
		if !prove(t, g, now, at(7), 0) {
			t.Fatal("a client that was answered gets no session")
		}
	}
	if prove(t, g, now, at(8), 0); answers(0, 8, 5) != 1 {
		t.Error("not one place was given back")
	}
	// A thousand clients that go on, one after another, all come in.
	g = NewGreeter(wrap.Armour{}, Rate{N: 1, Per: 10 * time.Second})
	for i := range 1000 {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 1)
		if _, _, n := knock(t, g, now, from, 1); n != 1 || !prove(t, g, now, from, 0) {
			t.Fatalf("client %d is not answered", i)
		}
	}
}

// TestCrowdReturns: N clients that come at once, some of whose resets come twice, all
// give their places back when they prove their addresses, in whatever order; no answer
// that is repeated, or that comes after the period is over, gives back more.
func TestCrowdReturns(t *testing.T) {
	const n = 8000
	rate := Rate{N: n, Per: 10 * time.Second}
	g := NewGreeter(wrap.Armour{}, rate)
	now := time.Unix(1_800_000_000, 0)
	at := func(i int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 1)
	}
	answers := func(first, n int) (got int) {
		for i := range n {
			_, _, answered := knock(t, g, now, at(first+i), 1)
			got += answered
		}
		return got
	}
	if got := answers(0, n-100) + answers(0, 100); got != n {
		t.Fatalf("%d answers", got)
	}
	for i := range n - 100 {
		if !prove(t, g, now, at(n-101-i), 0) {
			t.Fatalf("client %d gets no session", i)
		}
	}
	if got := answers(n, n+1); got != n {
		t.Errorf("%d more are answered after all have proven their addresses", got)
	}
	for i := range n - 100 {
		prove(t, g, now, at(i), 0)
	}
	if got := answers(3*n, 1); got != 0 {
		t.Error("a proof that is repeated gave back a place")
	}
	now = now.Add(rate.Per)
	if got := answers(4*n, n); got != n {
		t.Errorf("%d answers in the next period", got)
	}
	for i := range n {
		prove(t, g, now, at(n+i), 0)
	}
	if got := answers(5*n, 1); got != 0 {
		t.Error("a place of the period before was given back in this one")
	}
}

// TestTakersAreBounded: places are remembered for so many clients; those of the others
// count until the period is over.
func TestTakersAreBounded(t *testing.T) {
	l := &total{rate: Rate{N: 1<<31 - 1, Per: time.Second}}
	now := time.Unix(1_800_000_000, 0)
	for who := range uint64(maxTakers + 2) {
		l.allow(now, who)
	}
	if l.allow(now, 0); len(l.takers) != maxTakers || l.n != maxTakers+3 {
		t.Errorf("%d clients are remembered, %d places taken", len(l.takers), l.n)
	}
	l.giveBack(0)
	l.giveBack(maxTakers + 1)
	if l.n != maxTakers+1 {
		t.Errorf("%d places are taken, want %d", l.n, maxTakers+1)
	}
}

// TestOldClientCountsNot: a tls-crypt-v2 client from before OpenVPN 2.6, which proves its
// address inside its session, gives its place back then, and once.
func TestOldClientCountsNot(t *testing.T) {
	p := newPair(t, path{delay: 10 * time.Millisecond}, armours["tls-crypt-v2, client before 2.6"](t))
	p.greeter.Adopt(*p.greeter.armour.Load(), Rate{N: 1, Per: time.Hour})
	var reset []byte
	p.tap = func(from *end, packet []byte) {
		if from == p.client && reset == nil {
			reset = slices.Clone(packet)
		}
	}
	p.run(time.Second, func() bool { return p.server.Session != nil })
	elsewhere := func(n byte) error {
		_, _, err := p.greeter.Greet(p.now, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 9, n}), 1), reset)
		return err
	}
	if err := elsewhere(1); !errors.Is(err, ErrTooManyInAll) {
		t.Errorf("before it has proven its address: %v", err)
	}
	p.run(time.Minute, p.established)
	p.exchange(p.client, p.server)
	if err := elsewhere(2); err != nil {
		t.Errorf("after it has proven its address: %v", err)
	}
	if err := elsewhere(3); !errors.Is(err, ErrTooManyInAll) {
		t.Errorf("more than one place was given back: %v", err)
	}
}

// TestOrMore: a source gets what the limit of all lets it have.
func TestOrMore(t *testing.T) {
	for _, c := range []struct{ inAll, want Rate }{
		{Rate{}, SourceAnswers},
		{Rate{100, 10 * time.Second}, SourceAnswers},
		{Rate{1_000_000, time.Second}, Rate{1_000_000, time.Second}},
		{Rate{2000, time.Minute}, Rate{2000, 20 * time.Second}},
		{Rate{500, time.Second}, Rate{1000, 2 * time.Second}},
		{Rate{1<<31 - 1, time.Second}, Rate{1<<31 - 1, 0}},
	} {
		if got := SourceAnswers.OrMore(c.inAll); got != c.want {
			t.Errorf("%v: %v, want %v", c.inAll, got, c.want)
		}
	}
}

// TestGreeterAdopts: another armour and another rate hold from then on, and the same rate
// is no fresh allowance.
func TestGreeterAdopts(t *testing.T) {
	rate := Rate{N: 10, Per: 10 * time.Second}
	g := NewGreeter(wrap.Armour{}, rate)
	now, from := time.Unix(1_800_000_000, 0), netip.MustParseAddrPort("192.0.2.9:1000")
	knocks := func() int { _, _, n := knock(t, g, now, from, 100); return n }
	if n := knocks(); n != 10 {
		t.Errorf("%d answers", n)
	}
	if g.Adopt(wrap.Armour{}, rate); knocks() != 0 {
		t.Error("the same rate answers more")
	}
	if g.Adopt(wrap.Armour{}, Rate{N: 20, Per: 10 * time.Second}); knocks() != 20 {
		t.Error("another rate does not hold")
	}
	key, err := wrap.GenerateStaticKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if g.Adopt(wrap.Armour{TLSCrypt: key}, Rate{}); knocks() != 0 {
		t.Error("a packet without armour is answered")
	}
	reset := wrap.NewTLSCrypt(key, false).Wrap(nil, &wire.Control{Op: wire.PControlHardResetClientV2, Session: wire.SessionID{1}}, now)
	if reply, _, err := g.Greet(now, from, reset); reply == nil {
		t.Errorf("a packet in the new armour: %v", err)
	}
}

// TestAnswersAreLimitedForAll sprays sources: each is answered, and the room for
// them does not grow.
func TestAnswersAreLimitedForAll(t *testing.T) {
	g := NewGreeter(wrap.Armour{}, Rate{})
	now := time.Unix(1_800_000_000, 0)
	for i := range 100_000 {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 1)
		if _, _, n := knock(t, g, now, from, 1); n != 1 {
			t.Fatalf("the source number %d is not answered", i)
		}
	}
	if in, out, _ := knock(t, g, now, netip.MustParseAddrPort("192.0.2.9:1000"), 1); out > 2*in {
		t.Errorf("%d bytes are answered with %d", in, out)
	}
}

// TestUnprovenSendsNoMore: a tls-crypt-v2 client from before OpenVPN 2.6 cannot
// show where it is before a session is kept. Whoever repeats one's reset in
// another's name has the server send there what came in its name, and no more,
// however long it waits; the client itself gets in.
func TestUnprovenSendsNoMore(t *testing.T) {
	old := armours["tls-crypt-v2, client before 2.6"](t)
	p := newPair(t, path{delay: 10 * time.Millisecond}, old)
	in, out := 0, 0
	p.tap = func(from *end, packet []byte) {
		if from == p.client {
			in += len(packet)
		} else {
			out += len(packet)
		}
	}
	p.pass(time.Millisecond)
	p.client.Close() // it was never there
	p.pass(2 * time.Minute)
	if out == 0 || out > in {
		t.Errorf("%d bytes came, and %d went", in, out)
	}
	p = newPair(t, path{delay: 10 * time.Millisecond, loss: 0.2}, old)
	p.run(time.Minute, p.established)
	p.exchange(p.client, p.server)
}

// TestRoundTripByReset: a server knows the round trip from the client's answer to
// its reset, and sends its first flight again by that; not from an answer that
// was given twice.
func TestRoundTripByReset(t *testing.T) {
	for name, twice := range map[string]bool{"answered once": false, "answered twice": true} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, path{delay: 30 * time.Millisecond, duplicate: map[bool]float64{true: 1}[twice]}, nil)
			p.run(time.Second, func() bool { return p.server.Session != nil })
			at := p.now
			p.path.loss = 1
			sent := 0
			p.tap = func(from *end, packet []byte) {
				if from == p.server && packet[0]>>3 == byte(wire.PControlV1) && len(packet) > 500 {
					sent++
				}
			}
			p.pass(0)
			first := sent
			p.pass(500 * time.Millisecond)
			if again := sent > first; again == twice {
				t.Errorf("%v after the client answered, %d packets were sent, %d at first", p.now.Sub(at), sent, first)
			}
		})
	}
}
