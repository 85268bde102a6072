package p2p

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access/hooks"
	"culvert/internal/simnet"
)

// ran notes the programs that a host runs.
type ran struct {
	mu  sync.Mutex
	all []string
}

// Run implements bringup.Programs.
func (r *ran) Run(_ context.Context, directive string, env *hooks.Env, args ...string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	note := directive
	switch directive {
	case "plugin":
		return nil
	case "ipchange":
		note += " " + strings.Join(args, " ")
	case "up", "down":
		note += " " + args[len(args)-1]
	}
	if signal := env.Get("signal"); signal != "" {
		note += " " + signal
	}
	r.all = append(r.all, note)
	return nil
}

// take returns the programs that were run since it was called last.
func (r *ran) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all
	r.all = nil
	return all
}

// TestProgramsOfAnother: where the other host begins another connection that this one did
// not miss, it runs ipchange if the address is another, and nothing else, as OpenVPN does. When the
// connection was lost, and over TCP, programs run as after a restart of its own.
func TestProgramsOfAnother(t *testing.T) {
	idA, knownA := identity(t)
	idB, knownB := identity(t)
	elsewhere := netip.AddrPortFrom(addrA.Addr(), 40000)
	for name, c := range map[string]struct {
		proto string
		after time.Duration // the other host comes again
		at    netip.AddrPort
		want  []string
	}{
		"before it was missed":         {"udp", time.Second, addrA, nil},
		"the same, from elsewhere":     {"udp", time.Second, elsewhere, []string{"ipchange [AF_INET]192.0.2.1 40000"}},
		"after it was lost":            {"udp", time.Minute, addrA, []string{"down restart ping-restart", "ipchange [AF_INET]192.0.2.1 1194", "up restart"}},
		"before it was missed, by TCP": {"tcp", time.Second, addrA, []string{"down restart sigusr1", "ipchange [AF_INET]192.0.2.1 40002", "up restart"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network, tcp := simnet.New(simnet.Options{Delay: 10 * time.Millisecond}), new(streams)
				linesA := []string{"tls-client", idA, knownB, ifconfigA, "remote 192.0.2.2", "ping 2", "ping-restart 30"}
				linesB := []string{"tls-server", idB, knownA, ifconfigB, "up-restart", "ping 2", "ping-restart 30"}
				if c.proto == "tcp" {
					linesA, linesB = append(linesA, "proto tcp-client", "connect-retry 300"), append(linesB, "proto tcp-server")
				}
				b := startOver(t, network, tcp, addrB, linesB...)
				synctest.Wait()
				a := startOver(t, network, tcp, addrA, linesA...)
				pass(t, a, b, 1)
				b.ran.take()
				before := b.Peer()
				if c.proto == "udp" {
					a.link.Close() // without a word
					<-a.done
					a.done <- nil
				}
				time.Sleep(c.after)
				again := startOver(t, network, tcp, c.at, linesA...)
				pass(t, again, b, 2)
				if b.Peer() == before {
					t.Fatal("there is no other connection")
				}
				if got := b.ran.take(); !slices.Equal(got, c.want) {
					t.Errorf("ran %q, want %q", got, c.want)
				}
				for _, r := range []*running{a, again, b} {
					r.stop()
				}
			})
		})
	}
}
