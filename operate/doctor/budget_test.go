package doctor

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/config"
	"culvert/host/process"
	"culvert/internal/buf"
	"culvert/internal/simnet"
	"culvert/link"
	"culvert/operate/setup"
	"culvert/role/profile"
	"culvert/role/profile/reach"
	"culvert/session"
	"culvert/session/wrap"
)

// The addresses of the test's network: a server's, one where nobody is, and the doctor's.
var (
	alive = netip.MustParseAddrPort("192.0.2.1:1194")
	dead  = netip.MustParseAddrPort("192.0.2.7:1194")
	here  = netip.MustParseAddr("198.51.100.1")
)

// halfServer answers resets of an armour and nothing else, until it is closed. from is
// where its answers come from, if that is valid.
func halfServer(t *testing.T, n *simnet.Network, armour wrap.Armour, from netip.AddrPort) (stop func()) {
	t.Helper()
	l, err := n.Listen(alive)
	if err != nil {
		t.Fatal(err)
	}
	out := l
	if from.IsValid() {
		if out, err = n.Listen(from); err != nil {
			t.Fatal(err)
		}
	}
	g := session.NewGreeter(armour, session.Rate{})
	go func() {
		batch := buf.NewBatch(8, buf.DefaultSize)
		for {
			n, err := l.ReadBatch(batch)
			if err != nil {
				return
			}
			for _, p := range batch[:n] {
				if reply, _, _ := g.Greet(time.Now(), p.Path.Remote, p.Bytes()); reply != nil {
					_ = reach.Send(out, p.Path.Remote, reply)
				}
			}
		}
	}()
	return func() { l.Close(); out.Close() }
}

// listener opens sockets of the doctor's host.
func listener(n *simnet.Network) func(link.Options) (link.Link, error) {
	var mu sync.Mutex
	port := uint16(40000)
	return func(link.Options) (link.Link, error) {
		mu.Lock()
		defer mu.Unlock()
		port++
		return n.Listen(netip.AddrPortFrom(here, port))
	}
}

// hanging is a resolver that knows two names, and never answers for others.
func hanging(ctx context.Context, _, host string) ([]netip.Addr, error) {
	switch host {
	case "one.example":
		return []netip.Addr{dead.Addr(), alive.Addr()}, nil
	case "two.example":
		time.Sleep(2 * time.Second)
		return []netip.Addr{dead.Addr()}, nil
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

// aProfile is a client's profile with these remotes, and the armour of its server.
func aProfile(t *testing.T, more string) (file string, cfg *config.Config, armour wrap.Armour) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "s")
	if _, err := setup.Init(setup.InitOptions{Dir: dir, Host: "vpn.example", Now: time.Now(), Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	text, err := setup.AddClient(setup.ClientOptions{Dir: dir, Name: "laptop", Now: time.Now(), Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "laptop.ovpn")
	profileText := regexp.MustCompile(`(?m)^remote .*\n`).ReplaceAllString(string(text), "") + more
	if err := os.WriteFile(file, []byte(profileText), 0o600); err != nil {
		t.Fatal(err)
	}
	parse := func(name string) *config.Config {
		text, err := process.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		c, err := config.ParseFile(name, text, process.ReadFile)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if armour, err = profile.Armour(parse(filepath.Join(dir, "server.conf"))); err != nil {
		t.Fatal(err)
	}
	return file, parse(file), armour
}

// TestWithinTheLimit: with one of several names that hangs, another that is slow, a dead
// address before a live one, and a server that answers resets and nothing else, the doctor
// has the result of every check in time, and says where the handshake stopped. For the
// trial, it waits for none of those.
func TestWithinTheLimit(t *testing.T) {
	for name, more := range map[string]string{
		"in full":               "remote no.example 1194\nremote two.example 1194\nremote one.example 1194\n",
		"as far as certificate": "remote no.example 1194\nremote two.example 1194\nremote one.example 1194\nauth-user-pass\n",
	} {
		t.Run(name, func(t *testing.T) {
			file, cfg, armour := aProfile(t, more)
			synctest.Test(t, func(t *testing.T) {
				n := simnet.New(simnet.Options{Delay: 20 * time.Millisecond})
				stop := halfServer(t, n, armour, netip.AddrPort{})
				ctx, cancel := context.WithTimeout(t.Context(), Limit)
				defer cancel()
				c := newCaller(ctx, Options{File: file, StateDir: t.TempDir()}.filled(), cfg)
				c.resolve, c.dialer.Listen = hanging, listener(n)
				began := time.Now()
				began4 := make(chan time.Duration, 1)
				go func() {
					c.pick.wait(ctx)
					began4 <- time.Since(began)
				}()
				results := run(ctx, c.checks(), false, func(Result) {})
				if took := time.Since(began); took > Limit {
					t.Errorf("it took %v", took)
				}
				if took := <-began4; took > time.Second {
					t.Errorf("the trial began after %v", took)
				}
				for _, r := range results {
					if r.Outcome == Unknown {
						t.Errorf("%s: %s", r.Check, r.Why)
					}
				}
				i := slices.IndexFunc(results, func(r Result) bool { return r.Check == "tls" })
				if f := results[i].Findings; len(f) != 1 || f[0].Severity != Problem || !strings.Contains(f[0].Text+f[0].Evidence, "answered the reset") {
					t.Errorf("tls: %+v", results[i])
				}
				cancel()
				stop()
			})
		})
	}
}

// TestPick: servers before one that answers are waited for briefly, and taken if they
// answer.
func TestPick(t *testing.T) {
	answers := &knocking{First: reach.First{Answered: true}}
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			settle func(p *pick)
			want   int // place; -1: none
			after  time.Duration
		}{
			{func(p *pick) { p.settle(0, answers) }, 0, 0},
			{func(p *pick) { p.settle(2, answers) }, 2, prefer},
			{func(p *pick) { p.settle(2, answers); time.Sleep(prefer / 2); p.settle(1, answers) }, 1, prefer},
			{func(p *pick) { p.settle(2, answers); p.settle(0, nil); p.settle(1, nil) }, 2, 0},
			{func(p *pick) { p.settle(0, new(knocking)); time.Sleep(3 * time.Second); p.end() }, -1, 3 * time.Second},
		} {
			p, began := newPick(3), time.Now()
			go c.settle(p)
			got := p.wait(t.Context())
			if took := time.Since(began); took != c.after || (got != nil) != (c.want >= 0) || got != nil && p.at != c.want {
				t.Errorf("%v at %d after %v, want %d after %v", got, p.at, took, c.want, c.after)
			}
			synctest.Wait()
		}
	})
}

// TestFewPackets: an address that stays silent gets a few packets, and no armour twice.
func TestFewPackets(t *testing.T) {
	key := "<tls-auth>\n" + staticKey() + "</tls-auth>\nkey-direction 1\n"
	for name, c := range map[string]struct {
		more   string
		others int
	}{"tls-crypt-v2": {"", 1}, "tls-auth": {key, 6}, "tls-auth, SHA384": {key + "auth SHA384\n", 7}, "tls-crypt": {strings.ReplaceAll(key, "tls-auth", "tls-crypt"), 6}} {
		_, cfg, _ := aProfile(t, "remote 192.0.2.7 1194\n")
		if c.more != "" {
			own, err := config.ParseFile("p", []byte("client\nremote 192.0.2.7 1194\n<ca>\n"+string(cfg.Trust.CA.Text)+"</ca>\nauth-user-pass\n"+c.more), nil)
			if err != nil {
				t.Fatal(err)
			}
			cfg = own
		}
		lines := map[string]bool{}
		for _, o := range otherArmours(cfg) {
			lines[o.line] = true
		}
		if len(lines) != c.others {
			t.Errorf("%s: %d others: %v", name, len(lines), lines)
		}
		synctest.Test(t, func(t *testing.T) {
			packets := 0
			n := simnet.New(simnet.Options{Filter: func(netip.AddrPort, netip.AddrPort, []byte) bool { packets++; return false }})
			target, err := reach.NewRemotes(cfg, profile.SystemResolver).Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			k := knocking{target: target}
			k.knock(t.Context(), &reach.Dialer{Listen: listener(n)}, func() {})
			if most := mostOwnPackets + c.others; packets > most || packets <= c.others {
				t.Errorf("%s: %d packets, want up to %d", name, packets, most)
			}
			synctest.Wait()
		})
	}
}

// mostOwnPackets is how many an address gets of the profile's own armour, as
// docs/doctor.md says.
const mostOwnPackets = 3

func staticKey() string {
	b := new(strings.Builder)
	b.WriteString("-----BEGIN OpenVPN Static key V1-----\n")
	for i := range 16 {
		fmt.Fprintf(b, "%032x\n", i+1)
	}
	b.WriteString("-----END OpenVPN Static key V1-----\n")
	return b.String()
}

// TestElsewhere: answers from a wrong address are named as that.
func TestElsewhere(t *testing.T) {
	_, cfg, armour := aProfile(t, "remote 192.0.2.1 1194\n")
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(simnet.Options{})
		stop := halfServer(t, n, armour, netip.MustParseAddrPort("192.0.2.2:1194"))
		defer stop()
		target, err := reach.NewRemotes(cfg, profile.SystemResolver).Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		k := knocking{target: target, of: resolved{remote: target.Remote}}
		k.knock(t.Context(), &reach.Dialer{Listen: listener(n)}, func() {})
		notes := new(notes)
		judgeKnock(notes, k)
		if len(notes.Findings) != 1 || !strings.Contains(notes.Findings[0].Text, "an answer comes from 192.0.2.2:1194 in its place") || !strings.Contains(notes.Findings[0].Mend, "multihome") {
			t.Errorf("%+v", notes.Findings)
		}
	})
}
