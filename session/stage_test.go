package session

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"culvert/internal/mute"
	"culvert/session/reliable"
	"culvert/session/seal"
	"culvert/session/wire"
	"culvert/session/wrap"
)

// TestDelayedIsExplained: five seconds into a handshake that does not end, both
// ends say what they know of it, once. Large packets that are lost are blamed on
// the direction they are lost in, and nowhere else.
func TestDelayedIsExplained(t *testing.T) {
	const up = "(try max-packet-size 600 here)"
	large := func(b []byte) bool { return len(b) > 600 }
	for name, c := range map[string]struct {
		drop                      func(p *pair, from *end, b []byte) bool
		client, server, notClient string
	}{
		"all that is large to the client": {drop: func(p *pair, from *end, b []byte) bool { return from == p.server && large(b) },
			client: "as a path does that drops large packets", server: up, notClient: " here)"},
		"the client's hello": {drop: func(p *pair, from *end, b []byte) bool { return from == p.client && large(b) },
			client: up, notClient: " there)"},
		"all once the server has the certificate": {drop: func(p *pair, from *end, b []byte) bool {
			return from == p.server && p.client.keys.next.phase == phaseKeys && b[0]>>3 != byte(wire.PAckV1)
		}, client: "has sent nothing of its own since", notClient: "max-packet-size"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, path{delay: 10 * time.Millisecond}, func(client, server *Config, _ *wrap.Armour) {
				client.TLS, server.TLS = namedTLS(t, "client", 2000), namedTLS(t, "server", 2000)
			})
			p.drop = func(from *end, b []byte) bool { return c.drop(p, from, b) }
			p.pass(explainAfter - time.Millisecond)
			if count[Delayed](p.client.events) != 0 {
				t.Error("explained too early")
			}
			p.pass(20 * time.Second)
			for who, said := range map[*end]string{p.client: c.client, p.server: c.server} {
				if who.Session == nil || said == "" {
					continue
				}
				if got := find[Delayed](who.events).Stage; !strings.Contains(got, said) || count[Delayed](who.events) != 1 {
					t.Errorf("server %v: said %q, want %q", who == p.server, got, said)
				}
			}
			if got := find[Delayed](p.client.events).Stage; c.notClient != "" && strings.Contains(got, c.notClient) {
				t.Errorf("the client said %q", got)
			}
		})
	}
}

// TestStages: each says what is waited for.
func TestStages(t *testing.T) {
	for p, want := range map[phase]string{
		phaseReset: "has not answered the reset", phaseVerdict: "check of the peer's login has not ended", phasePush: "has not sent its push reply", phaseActive: "data keys are in place",
	} {
		g := generation{heard: true, phase: p}
		if got := g.stage(); !strings.Contains(got, want) {
			t.Errorf("phase %d: %q, want %q", p, got, want)
		}
		if g.heard = false; !strings.HasPrefix(g.stage(), "nothing was received") {
			t.Errorf("phase %d, nothing heard: %q", p, g.stage())
		}
	}
}

// TestLargePackets: a path that has no room for a packet passes the smaller ones behind
// it. A peer that is gone takes none, and of large ones alone nobody can tell.
func TestLargePackets(t *testing.T) {
	const narrow, either, silent = "large packets of this side are never acknowledged, while smaller ones are", "either the path drops those", "small packets too"
	for name, c := range map[string]struct {
		sizes []int
		ack   []wire.PacketID
		want  string
	}{
		"a small one":                      {[]int{largePacket}, nil, silent},
		"a large one":                      {[]int{largePacket + 1}, nil, either},
		"large ones":                       {[]int{900, 900, 600}, nil, either},
		"large ones, and one passed":       {[]int{900, 900, 60}, []wire.PacketID{2}, narrow},
		"large ones, and none passed":      {[]int{900, 900, 60}, nil, silent},
		"a large one before":               {[]int{900, 900, 60}, []wire.PacketID{0}, silent},
		"a large one before, another kept": {[]int{900, 950, 60}, []wire.PacketID{0, 2}, narrow},
	} {
		now := time.Unix(1_800_000_000, 0)
		g := generation{heard: true, phase: phaseTLS, tls: &tlsMachine{answered: true, server: true}, ch: reliable.New(0, time.Second)}
		for _, size := range c.sizes {
			g.ch.Send(wire.PControlV1, make([]byte, size))
		}
		for try := range 2 {
			for _, ok := g.ch.Poll(now); ok; _, ok = g.ch.Poll(now) {
			}
			if try == 0 {
				g.ch.Acknowledge(now, c.ack)
			}
			now = now.Add(time.Minute)
		}
		if got := g.stage(); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if anew := g.anew(); (anew == "") != (c.want == narrow) {
			t.Errorf("%s: of a peer that began anew: %q", name, anew)
		}
	}
}

// TestOtherClock: a peer whose clock is another has it named where a certificate is
// refused for its times, and where a handshake stops.
func TestOtherClock(t *testing.T) {
	born := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	expired := fmt.Errorf("refused: %w", x509.CertificateInvalidError{Cert: new(x509.Certificate), Reason: x509.Expired})
	for name, c := range map[string]struct {
		peer        time.Duration
		err         error
		error, skew string
	}{
		"behind":          {-26 * time.Hour, expired, "the peer's clock says 2026-11-26 10:00:10 UTC, which is not what this host's says", "the peer's clock says 2026-11-26 10:00:10 UTC, this host's 2026-11-27 12:00:10 UTC"},
		"ahead":           {time.Hour, expired, "the peer's clock says 2026-11-27 13:00:10 UTC, which is not", "says 2026-11-27 13:00:10 UTC"},
		"the same":        {time.Minute, expired, "as this host's does", ""},
		"another fault":   {-26 * time.Hour, errors.New("unknown authority"), "", "the peer's clock"},
		"without the way": {0, expired, "", ""},
	} {
		key := new(wrap.StaticKey)
		w := wrap.Wrapper(wrap.NewTLSCrypt(key, true))
		if c.peer == 0 {
			w = wrap.None{}
		} else {
			packet := wrap.NewTLSCrypt(key, false).Wrap(nil, &wire.Control{Op: wire.PControlHardResetClientV2}, born.Add(c.peer))
			if err := w.Unwrap(new(wire.Control), packet); err != nil {
				t.Fatal(err)
			}
		}
		ctl := control{port: &port{wrapper: w}, data: newData(0, nil, born)}
		now := born.Add(10 * time.Second)
		got := ctl.clocked(now, c.err)
		if !strings.Contains(got.Error(), c.error) || (c.error == "") != (got == c.err) {
			t.Errorf("%s: %q, want %q", name, got, c.error)
		}
		if later := ctl.clocked(now.Add(time.Hour), c.err); mute.Kind(later) != mute.Kind(got) {
			t.Errorf("%s: the kind changes with the clock", name)
		}
		if skew := ctl.skew(now); !strings.Contains(skew, c.skew) || (c.skew == "") != (skew == "") {
			t.Errorf("%s: %q, want %q", name, skew, c.skew)
		}
	}
}

// TestAlertAboutTime: that the peer takes this side's certificate for expired is about
// its clock, too.
func TestAlertAboutTime(t *testing.T) {
	remote := func(text string) error {
		return fmt.Errorf("TLS: %w", &net.OpError{Op: "remote error", Err: errors.New(text)})
	}
	if !alertsTime(remote("tls: expired certificate")) || alertsTime(remote("tls: bad certificate")) || alertsTime(errors.New("tls: expired certificate")) {
		t.Error("another alert is one about time, or that is not")
	}
}

// TestAlertInClear: a client that refuses the server's certificate says so before it has
// keys to seal that with, as OpenSSL does.
func TestAlertInClear(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, nil)
	p.run(time.Second, func() bool {
		return p.server.Session != nil && p.server.keys.next != nil && p.server.keys.next.tls != nil && p.server.keys.next.tls.answered
	})
	g := p.server.keys.next
	g.tls.Feed([]byte{21, 3, 3, 0, 2, 2, 48})
	p.server.control.checkTLS(p.now, g)
	if err := p.server.Err(); err == nil || !strings.Contains(err.Error(), "does not trust the authority of this side's certificate (unknown_ca)") {
		t.Errorf("ended with %v", err)
	}
	for _, other := range [][]byte{nil, {21, 3, 3, 0, 2, 1, 0}, {21, 3, 3, 0, 3, 2, 48, 0}, {23, 3, 3, 0, 2, 2, 48}, {21, 3, 3, 0, 2, 2}} {
		if alert := alertInClear(other); alert != 0 {
			t.Errorf("%x is alert %d", other, alert)
		}
	}
}

// TestForeignKeys: a peer whose packets come, and all fail, is not called silent.
func TestForeignKeys(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, nil)
	if got := p.client.Stage(); !strings.HasPrefix(got, "nothing was received") {
		t.Errorf("at the start: %q", got)
	}
	if p.client.Input(p.now, []byte{8 << 3, 1, 2}) == nil {
		t.Fatal("noise was taken")
	}
	if got := p.client.Stage(); !strings.Contains(got, "none of them fits this side's tls-auth or tls-crypt key") {
		t.Errorf("after noise: %q", got)
	}
	p.run(time.Second, p.established)
}

// TestStaticKeyCounts: two hosts with different static keys learn it, and so do those whose
// packets are damaged.
func TestStaticKeyCounts(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for name, c := range map[string]struct {
		good bool
		err  error
		want string
	}{
		"other keys": {false, seal.ErrAuth, "7. None was good"},
		"damaged":    {true, seal.ErrAuth, "7. Others are good"},
		"replayed":   {true, fmt.Errorf("x: %w", seal.ErrReplay), "may be a replay): 7; replay-window is 64"},
	} {
		d := newData(0, new(seal.Static), now)
		if c.good {
			d.carry(&d.received, now, 100)
		}
		r := report{data: d, window: 64}
		for range 7 {
			d.fail([]byte{1}, c.err)
		}
		if !d.Alarm() || d.Alarm() {
			t.Errorf("%s: the first alone is an alarm", name)
		}
		said := append(r.advance(now), r.advance(now.Add(settleTime))...)
		if len(said) != 1 || !strings.Contains(said[0], c.want) {
			t.Errorf("%s: said %q", name, said)
		}
		if again := r.advance(now.Add(time.Hour)); len(again) > 0 {
			t.Errorf("%s: said again %q", name, again)
		}
	}
}
