package server_test

import (
	"testing"
	"testing/synctest"
	"time"

	"culvert/access"
	"culvert/access/policy"
	"culvert/internal/simnet"
	"culvert/nic/frame"
	"culvert/nic/nictest"
	"culvert/role/server"
)

func policyOf(t *testing.T, text string) *policy.Policy {
	t.Helper()
	f, err := policy.Parse("policy", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return policy.Compile(f, policy.Place{})
}

// guarded has a server go by a policy.
func guarded(t *testing.T, text string, to **policy.Guard) func(*server.Options) {
	*to = policy.NewGuard(policyOf(t, text), func(a *access.Applicant) policy.Who { return policy.WhoIs(a, nil) })
	return func(o *server.Options) { o.Guard = *to }
}

// neighbour is a frame to everybody with an ICMPv6 message of neighbour discovery.
func neighbour(src frame.MAC, kind byte) []byte {
	packet := make([]byte, 64)
	packet[0], packet[5], packet[6], packet[7], packet[40] = 0x60, 24, 58, 255, kind
	packet[8], packet[24] = 0xfe, 0xff
	return append(frame.Header{Dst: frame.Broadcast, Src: src, Type: frame.TypeIPv6}.Append(nil), packet...)
}

// nothing fails if anything is on an adapter.
func nothing(t *testing.T, what string, pipe *nictest.Pipe) {
	t.Helper()
	synctest.Wait()
	if got := pipe.Drain(); len(got) > 0 {
		t.Errorf("%s: %q came to %s", what, got[0], pipe.Name())
	}
}

// TestGuard has one client open connections to another, and to a host behind the server,
// and nobody else any; then the policy changes.
func TestGuard(t *testing.T) {
	inBubble(t, simnet.Options{}, func(t *testing.T, w *world) {
		var g *policy.Guard
		s := w.serveOptions(ours().serverConf("client-to-client"), guarded(t, "default deny\nallow client anna to client bert\nallow client anna to anything\n", &g))
		a, b := w.connect("anna", ""), w.connect("bert", "")
		there, back := ipv4(a.inner(), b.inner(), "there"), ipv4(b.inner(), a.inner(), "back")
		b.nic.Inject(back)
		nothing(t, "before it is an answer", a.nic)
		a.nic.Inject(there)
		expect(t, b.nic, there)
		b.nic.Inject(back)
		expect(t, a.nic, back)

		s.nic.Inject(ipv4(outside, b.inner(), "in"))
		nothing(t, "from behind the server", b.nic)
		b.nic.Inject(ipv4(b.inner(), outside, "out"))
		nothing(t, "to what is behind the server", s.nic)
		exchange(t, s, a)
		s.nic.Inject(ipv4(a.inner(), b.inner(), "round"))
		expect(t, b.nic, ipv4(a.inner(), b.inner(), "round")) // by way of the host
		s.nic.Inject(ipv4(b.inner(), a.inner(), "round"))
		expect(t, a.nic, ipv4(b.inner(), a.inner(), "round"))

		g.Adopt(policyOf(t, "default deny\n"))
		a.nic.Inject(there)
		nothing(t, "after the change", b.nic)
		b.nic.Inject(back)
		nothing(t, "after the change", a.nic)
		s.nic.Inject(ipv4(b.inner(), a.inner(), "round"))
		nothing(t, "by way of the host", a.nic)
		if got := s.Drops()["not allowed by the policy"]; got != 6 {
			t.Errorf("%d counted: %v", got, s.Drops())
		}
		g.Adopt(policyOf(t, ""))
		exchange(t, s, b)
		a.stop()
		w.until(5*time.Minute, "anna is gone, with her connections", func() bool { return len(s.Clients()) == 1 && g.Statistics().Places == 0 })
	})
}

// TestGuardApart judges what goes from client to client by way of the host as theirs.
func TestGuardApart(t *testing.T) {
	inBubble(t, simnet.Options{}, func(t *testing.T, w *world) {
		var g *policy.Guard
		s := w.serveOptions(ours().serverConf(""), guarded(t, "deny client anna to client bert\n", &g))
		a, b := w.connect("anna", ""), w.connect("bert", "")
		a.nic.Inject(ipv4(a.inner(), b.inner(), "there"))
		nothing(t, "to the host", s.nic)
		s.nic.Inject(ipv4(a.inner(), b.inner(), "there"))
		nothing(t, "from the host", b.nic)
		exchange(t, s, a)
		exchange(t, s, b)
	})
}

// TestGuardEthernet judges the IP packets in frames, for each of their receivers, and lets
// other frames pass.
func TestGuardEthernet(t *testing.T) {
	inBubble(t, simnet.Options{}, func(t *testing.T, w *world) {
		var g *policy.Guard
		s := w.serveOptions(ours().serverConf(ethernet+"client-to-client"), guarded(t, "default deny\nallow client anna to client bert\n", &g))
		a, b := w.connect("anna", ethernet), w.connect("bert", ethernet)
		framed := func(dst, src frame.MAC, packet []byte) []byte {
			return append(frame.Header{Dst: dst, Src: src, Type: frame.TypeIPv4}.Append(nil), packet...)
		}
		broadcast := arpFrame(frame.Broadcast, macAnna)
		a.nic.Inject(broadcast)
		gets(t, "bert", b.nic, broadcast)
		gets(t, "the server", s.nic, broadcast)
		b.nic.Inject(arpFrame(macAnna, macBert))
		gets(t, "anna", a.nic, arpFrame(macAnna, macBert))

		sought := neighbour(macBert, 135)
		b.nic.Inject(sought)
		gets(t, "anna", a.nic, sought)
		gets(t, "the server", s.nic, sought)
		b.nic.Inject(neighbour(macBert, 134)) // a router's advertisement
		gets(t, "anna", a.nic)
		s.nic.Inject(neighbour(deviceMAC, 134))
		gets(t, "anna", a.nic, neighbour(deviceMAC, 134))
		gets(t, "bert", b.nic, neighbour(deviceMAC, 134))

		there, back := ipv4(a.inner(), b.inner(), "there"), ipv4(b.inner(), a.inner(), "back")
		b.nic.Inject(framed(macAnna, macBert, back))
		gets(t, "anna", a.nic)
		all := framed(frame.Broadcast, macAnna, there)
		a.nic.Inject(all)
		gets(t, "bert", b.nic, all)
		gets(t, "the server", s.nic) // which anna may not reach
		b.nic.Inject(framed(macAnna, macBert, back))
		gets(t, "anna", a.nic, framed(macAnna, macBert, back))
		s.nic.Inject(framed(macAnna, deviceMAC, ipv4(outside, a.inner(), "in")))
		gets(t, "anna", a.nic)
	})
}

// TestTermsWithout keeps from a client what others are pushed.
func TestTermsWithout(t *testing.T) {
	inBubble(t, simnet.Options{}, func(t *testing.T, w *world) {
		w.serveOptions(ours().serverConf("push \"route 10.9.0.0 255.255.0.0\"\npush \"block-ipv6\""), func(o *server.Options) {
			o.People.Terms = func(a *access.Applicant) (t server.Terms) {
				if a.Name == "anna" {
					t.Without = []string{"route"}
				}
				return t
			}
		})
		a, b := w.connect("anna", ""), w.connect("bert", "")
		if n, m := len(a.states[0].Routes), len(b.states[0].Routes); n >= m {
			t.Errorf("anna has %v, bert %v", a.states[0].Routes, b.states[0].Routes)
		}
	})
}
