package session

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"testing"
	"time"

	"culvert/internal/digest"
	"culvert/session/negotiate"
	"culvert/session/seal"
	"culvert/session/wire"
	"culvert/session/wrap"
)

// armours are the ways to protect the control channel, set on both sides.
var armours = map[string]func(t testing.TB) func(client, server *Config, armour *wrap.Armour){
	"none": func(testing.TB) func(client, server *Config, armour *wrap.Armour) {
		return func(client, server *Config, armour *wrap.Armour) {}
	},
	"tls-auth": func(t testing.TB) func(client, server *Config, armour *wrap.Armour) {
		key := must(wrap.GenerateStaticKey(rand.Reader))(t)
		sha256 := must(digest.Lookup("SHA256"))(t)
		return func(client, _ *Config, armour *wrap.Armour) {
			client.Wrapper = wrap.NewTLSAuth(key, wrap.Inverse, sha256)
			armour.TLSAuth = &wrap.TLSAuthKey{Key: key, Direction: wrap.Normal, Digest: sha256}
		}
	},
	"tls-crypt": func(t testing.TB) func(client, server *Config, armour *wrap.Armour) {
		key := must(wrap.GenerateStaticKey(rand.Reader))(t)
		return func(client, _ *Config, armour *wrap.Armour) {
			client.Wrapper = wrap.NewTLSCrypt(key, false)
			armour.TLSCrypt = key
		}
	},
	"tls-crypt-v2": func(t testing.TB) func(client, server *Config, armour *wrap.Armour) {
		return tlsCryptV2(t)
	},
	"tls-crypt-v2, client before 2.6": func(t testing.TB) func(client, server *Config, armour *wrap.Armour) {
		return tlsCryptV2(t, wrap.FirstID(1))
	},
}

func tlsCryptV2(t testing.TB, opts ...wrap.Option) func(client, server *Config, armour *wrap.Armour) {
	key := must(wrap.GenerateServerKeyV2(rand.Reader))(t)
	own := must(wrap.GenerateClientKeyV2(rand.Reader, key, wrap.UserMetadata([]byte("test"))))(t)
	return func(client, _ *Config, armour *wrap.Armour) {
		client.Wrapper = wrap.NewTLSCryptV2Client(own, opts...)
		armour.V2 = key
	}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestHandshake(t *testing.T) {
	for name, armour := range armours {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, path{delay: 10 * time.Millisecond}, armour(t))
			p.run(time.Second, p.established)
			p.exchange(p.client, p.server)
			p.exchange(p.server, p.client)
			if p.client.handshake.params.Cipher != "AES-256-GCM" || !p.client.handshake.params.TLSEKM || p.client.handshake.params.PeerID != 7 {
				t.Errorf("params %+v", p.client.handshake.params)
			}
		})
	}
}

// TestHandshakeOnBadPath is the path: a fifth of all packets lost,
// others doubled or out of order, and nothing above 1,000 bytes passes.
func TestHandshakeOnBadPath(t *testing.T) {
	for name, armour := range armours {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(20) {
				bad := path{delay: 20 * time.Millisecond, jitter: 80 * time.Millisecond, loss: 0.2, duplicate: 0.1, mtu: 1000 - 48}
				p := newPair(t, bad, armour(t))
				p.rand = mrand.New(mrand.NewPCG(seed, 0))
				p.run(time.Minute, p.established)
				p.exchange(p.client, p.server)
			}
		})
	}
}

func TestPostQuantumHandshakeIsOffered(t *testing.T) {
	p := newPair(t, path{}, nil)
	p.run(time.Second, p.established)
	if curve := p.server.keys.active.tls.conn.ConnectionState().CurveID; curve != tls.X25519MLKEM768 {
		t.Errorf("key exchange %v", curve)
	}
	if p.client.largest > DefaultMaxPacket || p.server.largest > DefaultMaxPacket {
		t.Errorf("control packets of %d and %d bytes", p.client.largest, p.server.largest)
	}
}

// TestOldPeers takes a client that knows neither P_DATA_V2 nor the exporter,
// over TLS 1.2.
func TestOldPeers(t *testing.T) {
	p := newPair(t, path{}, func(client, server *Config, _ *wrap.Armour) {
		client.PeerInfo = negotiate.PeerInfo{"IV_VER": "2.4.0", "IV_NCP": "2"}
		client.TLS.MaxVersion = tls.VersionTLS12
	})
	p.run(10*time.Second, p.established)
	p.exchange(p.client, p.server)
	p.exchange(p.server, p.client)
	if p.server.handshake.params.DataV2 || p.server.handshake.params.TLSEKM {
		t.Errorf("params %+v", p.server.handshake.params)
	}
}

func TestRenegotiation(t *testing.T) {
	bad := path{delay: 10 * time.Millisecond, jitter: 30 * time.Millisecond, loss: 0.2, duplicate: 0.1}
	for _, who := range []string{"client", "server", "both"} {
		t.Run(who, func(t *testing.T) {
			p := newPair(t, bad, func(client, server *Config, _ *wrap.Armour) {
				if who != "server" {
					client.RenegAfter = time.Minute
				}
				if who != "client" {
					server.RenegAfter = time.Minute
				}
			})
			p.run(time.Minute, p.established)
			for range 300 { // through key id 7 and round to 1
				p.pass(2 * time.Second)
				p.exchange(p.client, p.server)
				p.exchange(p.server, p.client)
			}
			if n := count[Rekeyed](p.client.events); n < 8 {
				t.Errorf("%d renegotiations", n)
			}
		})
	}
}

// TestClientFollowsServer: a client seals with renewed keys once the server has done so.
func TestClientFollowsServer(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, func(client, _ *Config, _ *wrap.Armour) {
		client.RenegAfter = 10 * time.Second
	})
	p.run(time.Minute, p.established)
	p.run(time.Minute, func() bool { return p.client.keys.active.id == 1 && p.server.keys.active.id == 1 })
	p.pass(2 * sharedInterval)
	if id := sealsWith(t, p.client.keys); id != 0 {
		t.Errorf("sealed with keys %d, which the server has not shown to have", id)
	}
	p.exchange(p.server, p.client)
	p.pass(2 * sharedInterval)
	if id := sealsWith(t, p.client.keys); id != 1 {
		t.Errorf("sealed with keys %d after the server had sealed with the next", id)
	}
}

func TestRenegotiationByUse(t *testing.T) {
	tune := map[string]func(*Config){
		"packets": func(c *Config) { c.RenegPackets = 10 },
		"bytes":   func(c *Config) { c.RenegBytes = 100 },
		"limit":   func(c *Config) { c.Limits, c.PeerInfo["IV_PROTO"] = seal.Limits{Packets: 10}, "138" },
	}
	for name, tune := range tune {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, path{delay: time.Millisecond}, func(client, _ *Config, _ *wrap.Armour) { tune(client) })
			p.run(time.Minute, p.established)
			for range 12 {
				p.exchange(p.client, p.server)
			}
			p.run(5*time.Second, func() bool { return p.client.keys.active.id == 1 && p.server.keys.active.id == 1 })
			p.exchange(p.client, p.server)
		})
	}
}

// TestRekeySurvivesAnOutage loses every packet while keys are renewed: the old
// keys go on, and a later try succeeds.
func TestRekeySurvivesAnOutage(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, func(client, _ *Config, _ *wrap.Armour) {
		client.RenegAfter = 10 * time.Second
	})
	p.run(time.Minute, p.established)
	p.path.loss = 1
	p.pass(75 * time.Second)
	p.path.loss = 0
	if count[RekeyFailed](p.client.events) == 0 {
		t.Error("no failed renegotiation reported")
	}
	p.exchange(p.client, p.server)
	p.run(3*time.Minute, func() bool { return p.client.keys.active.id >= 1 && p.server.keys.active.id >= 1 })
	p.exchange(p.server, p.client)
}

func TestOldKeysRetire(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, func(client, server *Config, _ *wrap.Armour) {
		client.RenegAfter, client.TranWindow, server.TranWindow = time.Hour, 10*time.Minute, 10*time.Minute
	})
	p.run(time.Minute, p.established)
	p.pass(time.Hour + time.Minute)
	if p.client.keys.old == nil || p.server.keys.old == nil {
		t.Fatal("old keys gone before the transition window ended")
	}
	p.pass(10 * time.Minute)
	if p.client.keys.old != nil || p.server.keys.old != nil {
		t.Error("old keys kept past the transition window")
	}
}

func TestRefusal(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, nil)
	p.admit = func(*Hello) {
		if err := p.server.Refuse(p.now, "no lease is free"); err != nil {
			t.Error(err)
		}
	}
	p.run(time.Second, func() bool { return p.client.Err() != nil })
	var refused *AuthFailedError
	if !errors.As(p.client.Err(), &refused) || refused.Reason != "no lease is free" {
		t.Errorf("client ended with %v", p.client.Err())
	}
	p.run(10*time.Second, func() bool { return p.server.Err() != nil })
}

func TestLongPush(t *testing.T) {
	var options []string
	for i := range 200 {
		options = append(options, fmt.Sprintf("route 10.%d.0.0 255.255.0.0", i))
	}
	p := newPair(t, path{delay: time.Millisecond, loss: 0.1}, nil)
	p.admit = func(h *Hello) { p.admitHello(h, options) }
	p.run(time.Minute, p.established)
	pushed := find[Pushed](p.client.events)
	if len(pushed.Options) < len(options) || pushed.Options[199] != options[199] {
		t.Errorf("%d options arrived of %d", len(pushed.Options), len(options))
	}
}

func TestKeepalive(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, func(client, server *Config, _ *wrap.Armour) {
		client.Timers = Timers{Ping: 10 * time.Second, PingRestart: time.Minute}
		server.Timers = Timers{Ping: 10 * time.Second, PingRestart: 2 * time.Minute}
	})
	p.run(time.Minute, p.established)
	p.pass(10 * time.Minute)
	if p.client.Err() != nil || p.server.Err() != nil {
		t.Fatalf("idle session ended: %v, %v", p.client.Err(), p.server.Err())
	}
	p.path.loss = 1
	p.run(61*time.Second, func() bool { return p.client.Err() != nil })
	if !errors.Is(p.client.Err(), ErrPingTimeout) {
		t.Errorf("client ended with %v", p.client.Err())
	}
}

func TestExit(t *testing.T) {
	for _, controlChannel := range []bool{true, false} {
		t.Run(fmt.Sprintf("control channel %v", controlChannel), func(t *testing.T) {
			p := newPair(t, path{delay: time.Millisecond}, func(client, _ *Config, _ *wrap.Armour) {
				if !controlChannel {
					client.PeerInfo["IV_PROTO"] = "14" // P_DATA_V2, push, exporter
				}
			})
			p.run(time.Minute, p.established)
			p.client.Exit(p.now, 3)
			p.run(4*time.Second, func() bool { return p.server.Err() != nil })
			if !errors.Is(p.server.Err(), ErrPeerExit) {
				t.Errorf("server ended with %v", p.server.Err())
			}
			p.run(4*time.Second, func() bool { return p.client.Err() != nil })
		})
	}
}

func TestDismiss(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond, loss: 0.2}, nil)
	p.run(time.Minute, p.established)
	p.server.Dismiss(p.now, "RESTART,[N]server moves")
	p.run(10*time.Second, func() bool { return p.client.Err() != nil })
	var restart *RestartError
	if !errors.As(p.client.Err(), &restart) || restart.SameServer || restart.Reason != "server moves" {
		t.Errorf("client ended with %v", p.client.Err())
	}
}

// TestIdentityIsFixed renews keys under another certificate.
func TestIdentityIsFixed(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, func(client, _ *Config, _ *wrap.Armour) {
		client.RenegAfter = 10 * time.Second
	})
	p.run(time.Minute, p.established)
	p.client.cfg.TLS = testTLS(t, true)
	p.run(time.Minute, func() bool { return p.server.Err() != nil })
	if !errors.Is(p.server.Err(), ErrIdentity) {
		t.Errorf("server ended with %v", p.server.Err())
	}
}

func TestTLSAlertSaysWhy(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, func(_, server *Config, _ *wrap.Armour) {
		server.TLS.VerifyConnection = func(tls.ConnectionState) error { return errors.New("unknown authority") }
	})
	p.run(time.Minute, func() bool { return p.client.Err() != nil && p.server.Err() != nil })
	for _, e := range []*end{p.client, p.server} {
		var failed *HandshakeError
		if !errors.As(e.Err(), &failed) || failed.Err == nil {
			t.Errorf("ended with %v", e.Err())
		}
	}
}

// TestDamage gives both ends every kind of damaged packet while they work: it
// is counted and nothing else happens.
func TestDamage(t *testing.T) {
	for name, armour := range armours {
		if name == "none" {
			continue // nothing authenticates the control channel
		}
		t.Run(name, func(t *testing.T) {
			p := newPair(t, path{delay: time.Millisecond}, armour(t))
			p.run(time.Minute, p.established)
			for i := range 500 {
				junk := make([]byte, p.rand.IntN(200))
				rand.Read(junk)
				if len(junk) > 8 && i%2 == 0 { // a plausible header
					junk[0] = wire.Head(wire.PControlV1, 0)
					copy(junk[1:], p.client.port.local[:])
				}
				if p.server.Input(p.now, junk) == nil {
					t.Fatalf("took %x", junk)
				}
			}
			p.exchange(p.client, p.server)
			if p.server.Stats().BadControl != 500 {
				t.Errorf("counted %d", p.server.Stats().BadControl)
			}
		})
	}
}

func TestGreeterKeepsNoState(t *testing.T) {
	p := newPair(t, path{}, nil)
	var reset []byte
	p.client.Output(p.now, func(b []byte) { reset = append([]byte(nil), b...) })
	reply, in, err := p.greeter.Greet(p.now, clientAddr, reset)
	if err != nil || in != nil || reply == nil {
		t.Fatalf("reset: %v %v", in, err)
	}
	if err := p.client.Input(p.now, reply); err != nil {
		t.Fatal(err)
	}
	var third []byte
	p.client.Output(p.now, func(b []byte) {
		if third == nil {
			third = append([]byte(nil), b...)
		}
	})
	if _, in, err := p.greeter.Greet(p.now, clientAddr, third); in == nil || !in.Proven {
		t.Errorf("the right answer: %v", err)
	}
	if _, _, err := p.greeter.Greet(p.now, serverAddr, third); !errors.Is(err, ErrCookie) {
		t.Errorf("from another address: %v", err)
	}
	if _, _, err := p.greeter.Greet(p.now.Add(2*cookieSlot), clientAddr, third); !errors.Is(err, ErrCookie) {
		t.Errorf("too late: %v", err)
	}
	// A late packet, such as the answer to the alert that ended the session.
	wrapper, _, err := new(wrap.Armour).Wrapper(third)
	var c wire.Control
	if err == nil {
		err = wrapper.Unwrap(&c, third)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range []wire.Opcode{wire.PAckV1, wire.PControlV1} {
		c.Op, c.Acks = op, []wire.PacketID{2, 1, 0}
		if _, in, err := p.greeter.Greet(p.now, clientAddr, wrapper.Wrap(nil, &c, p.now)); in != nil || !errors.Is(err, ErrOver) {
			t.Errorf("%v of a session that is over: %v", op, err)
		}
	}
}

// TestGreeterKnowsAReset: a server without armour takes a reset that has some for
// none, over either kind of link, and has no answer that the client could read.
func TestGreeterKnowsAReset(t *testing.T) {
	for name, armour := range armours {
		p := newPair(t, path{}, armour(t))
		bare := NewGreeter(wrap.Armour{}, Rate{})
		p.client.Output(p.now, func(reset []byte) {
			reply, in, err := bare.Greet(p.now, clientAddr, reset)
			if taken := reply != nil || in != nil; taken != (name == "none") || taken != (err == nil) {
				t.Errorf("%s: reply %x, %v", name, reply, err)
			}
			if _, err := bare.GreetConnected(reset); (err == nil) != (name == "none") {
				t.Errorf("%s over TCP: %v", name, err)
			}
		})
	}
}

// TestGreetConnected: a reset is enough where the address is proven, and nothing
// else is.
func TestGreetConnected(t *testing.T) {
	for name, armour := range armours {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, path{}, armour(t))
			var reset []byte
			p.client.Output(p.now, func(b []byte) { reset = append([]byte(nil), b...) })
			in, err := p.greeter.GreetConnected(reset)
			if err != nil || in.Proven || in.Client != p.client.LocalID() {
				t.Fatalf("reset: %+v, %v", in, err)
			}
			server := Accept(p.serverConfig, in, p.now)
			if err := server.Input(p.now, reset); err != nil {
				t.Fatal(err)
			}
			server.Output(p.now, func(b []byte) { err = p.client.Input(p.now, b) })
			if err != nil {
				t.Fatal(err)
			}
			p.client.Output(p.now, func(b []byte) {
				if _, err := p.greeter.GreetConnected(b); err == nil {
					t.Errorf("a session for %x", b)
				}
				if err := server.Input(p.now, b); err != nil {
					t.Error(err)
				}
			})
			if server.keys.next.tls == nil {
				t.Error("TLS has not begun")
			}
		})
	}
}

// TestForceCookie keeps out tls-crypt-v2 clients that state would have to be
// kept for, and no others. What they send takes no place of connect-freq-initial.
func TestForceCookie(t *testing.T) {
	for name, old := range map[string]bool{"tls-crypt-v2": false, "tls-crypt-v2, client before 2.6": true} {
		tune := armours[name](t)
		p := newPair(t, path{}, func(client, server *Config, armour *wrap.Armour) {
			tune(client, server, armour)
			armour.ForceCookie = true
		})
		p.greeter.Adopt(*p.greeter.armour.Load(), Rate{N: 1, Per: time.Hour})
		p.client.Output(p.now, func(reset []byte) {
			reply, in, err := p.greeter.Greet(p.now, clientAddr, reset)
			if in != nil || (reply == nil) != old || errors.Is(err, ErrNoCookie) != old {
				t.Errorf("%s: reply of %d bytes, opening %v, %v", name, len(reply), in, err)
			}
			if _, _, err := p.greeter.Greet(p.now, serverAddr, reset); errors.Is(err, ErrTooManyInAll) == old {
				t.Errorf("%s: the next from elsewhere gets %v", name, err)
			}
		})
	}
}

func count[T Event](events []Event) (n int) {
	for _, e := range events {
		if _, ok := e.(T); ok {
			n++
		}
	}
	return n
}

func find[T Event](events []Event) (found T) {
	for _, e := range events {
		if t, ok := e.(T); ok {
			return t
		}
	}
	return found
}
