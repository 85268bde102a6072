package server_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access/hooks"
	"culvert/host/bringup"
	"culvert/internal/simnet"
	"culvert/nic/nictest"
	"culvert/role/server"
	"culvert/session/wrap"
)

// TestAdopt: who is in stays in while the server takes another configuration, newcomers
// meet the new one, and one that is faulty changes nothing.
func TestAdopt(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("push \"dhcp-option DNS 192.0.2.1\"")
		a := w.connect("anna", "")
		lists := newList(t)
		lists.revoke("ben")
		adopt := func(more string) error { return s.Adopt(parse(t, "server.conf", ours().serverConf(more))) }
		if err := adopt("push \"dhcp-option DNS 192.0.2.2\"\ncrl-verify " + lists.path); err != nil {
			t.Fatal(err)
		}
		exchange(t, s, a)
		ben, carl := w.dial("ben", ""), w.connect("carl", "")
		exchange(t, s, carl)
		if dns := carl.states[0].DNS; dns == nil || len(dns.Servers) != 1 || dns.Servers[0].Addr().String() != "192.0.2.2" {
			t.Errorf("a newcomer's name servers: %+v", dns)
		}
		w.until(time.Minute, "ben is refused", func() bool { return strings.Contains(ben.log.String(), "revoked") })
		if err := adopt("client-config-dir /nonexistent"); err == nil {
			t.Error("a directory that is not there is taken")
		}
		dora := w.connect("dora", "")
		exchange(t, s, dora)
		lists.revoke("anna") // who came in when there were no lists
		w.until(time.Minute, "anna is shut out", func() bool { return len(s.Server.Clients()) == 2 })
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		if err := adopt(""); err == nil {
			t.Error("a server that has ended takes a configuration")
		}
	})
}

// TestAdoptMaxClients: a lower limit puts nobody out and keeps newcomers out, and a higher
// one lets more in than there were places at the start.
func TestAdoptMaxClients(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("max-clients 2")
		in := []*connected{w.connect("anna", ""), w.connect("ben", "")}
		adopt := func(more string) {
			t.Helper()
			if err := s.Adopt(parse(t, "server.conf", ours().serverConf(more))); err != nil {
				t.Fatal(err)
			}
		}
		adopt("max-clients 1")
		carl := w.dial("carl", "")
		w.until(time.Minute, "carl is told why", func() bool { return logged(&carl.process, "the server is full") })
		adopt("max-clients 4")
		carl.up(5 * time.Minute)
		for _, c := range append(in, carl, w.connect("dora", "")) {
			exchange(t, s, c)
		}
		if s.Sessions() != 4 {
			t.Errorf("%d sessions", s.Sessions())
		}
	})
}

// TestAdoptArmour: newcomers need the key of another tls-crypt-v2 line; who is in stays.
func TestAdoptArmour(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("")
		a := w.connect("anna", "reneg-sec 30")
		other := must(wrap.GenerateServerKeyV2(rand.Reader))(t)
		text := strings.Replace(ours().serverConf(""), string(ours().v2.Format()), string(other.Format()), 1)
		if err := s.Adopt(parse(t, "server.conf", text)); err != nil {
			t.Fatal(err)
		}
		w.dial("ben", "")
		profile := ours().profile(t, "carl", "")
		key := must(wrap.GenerateClientKeyV2(rand.Reader, other, nil))(t)
		profile = profile[:strings.Index(profile, "<tls-crypt-v2>")] + block("tls-crypt-v2", key.Format())
		nextHost++
		carl := w.dialText(netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, nextHost}), 40000), "carl", profile)
		carl.up(time.Minute)
		exchange(t, s, carl)
		time.Sleep(time.Minute)
		exchange(t, s, a)
		if len(happened[server.Renewed](s)) == 0 {
			t.Error("keys of the one who was in were not renewed")
		}
		if n := len(s.Server.Clients()); n != 2 {
			t.Errorf("%d clients are in", n)
		}
	})
}

// TestAdoptStatus: the status goes to another file from then on, and stays where it is if
// that one cannot be opened.
func TestAdoptStatus(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("status " + first + " 10")
		adopt := func(more string) {
			t.Helper()
			if err := s.Adopt(parse(t, "server.conf", ours().serverConf(more))); err != nil {
				t.Fatal(err)
			}
		}
		written := func(name string) bool {
			os.Truncate(name, 0)
			time.Sleep(15 * time.Second)
			text, err := os.ReadFile(name)
			return err == nil && len(text) > 0
		}
		adopt("status " + filepath.Join(dir, "none", "file") + " 10")
		if !logged(&s.process, "the status goes where it went before") || !written(first) {
			t.Errorf("the first file is not written any more:\n%s", s.log.String())
		}
		adopt("status " + second + " 10")
		if written(first) || !written(second) {
			t.Error("the second file is not written, or the first one still is")
		}
		adopt("")
		if written(second) {
			t.Error("a status is written without the directive")
		}
	})
}

// noted notes which programs of an adapter run, and with which first route.
type noted struct {
	mu   sync.Mutex
	runs []string
	fail bool
}

func (n *noted) Run(_ context.Context, directive string, env *hooks.Env, _ ...string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.runs = append(n.runs, strings.TrimSpace(directive+" "+env.Get("route_network_1")))
	if n.fail {
		return errors.New("no")
	}
	return nil
}

func (n *noted) all() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.runs)
}

// TestAdoptRoutes: routes of the host, and whether clients reach one another, change while
// sessions go on. Programs see the adapter with the former routes go, and another come.
func TestAdoptRoutes(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		programs := new(noted)
		w.programs = programs
		s := w.serve("")
		a, b := w.connect("anna", ""), w.connect("ben", "")
		between := ipv4(a.inner(), b.inner(), "hello")
		a.nic.Inject(between)
		expect(t, s.nic, between)
		for _, step := range []struct {
			more string
			to   *nictest.Pipe
			runs []string
		}{
			{"client-to-client", b.nic, nil},
			{"client-to-client\nroute 10.77.0.0 255.255.0.0", b.nic, []string{"route-pre-down", "plugin", "down", "up 10.77.0.0", "route-up 10.77.0.0"}},
			{"route 10.77.0.0 255.255.0.0\npush \"route 10.6.0.0 255.255.0.0\"", s.nic, nil},
		} {
			before := len(programs.all())
			if err := s.Adopt(parse(t, "server.conf", ours().serverConf(step.more))); err != nil {
				t.Fatal(err)
			}
			a.nic.Inject(between)
			expect(t, step.to, between)
			if got := programs.all()[before:]; !slices.Equal(got, step.runs) {
				t.Errorf("%q: ran %q, want %q", step.more, got, step.runs)
			}
		}
		exchange(t, s, a)
		if n := len(s.Server.Clients()); n != 2 {
			t.Errorf("%d clients are in", n)
		}
	})
}

// TestAdoptFailingProgram: a program of the adapter that fails ends the server, as it does
// when the server begins.
func TestAdoptFailingProgram(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		programs := new(noted)
		w.programs = programs
		s := w.serve("")
		programs.mu.Lock()
		programs.fail = true
		programs.mu.Unlock()
		if err := s.Adopt(parse(t, "server.conf", ours().serverConf("route 10.77.0.0 255.255.0.0"))); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := s.stop(); !errors.As(err, new(*bringup.ProgramError)) {
			t.Errorf("it ended with %v", err)
		}
	})
}
