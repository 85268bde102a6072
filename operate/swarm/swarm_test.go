package swarm_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access/pki"
	"culvert/config"
	"culvert/host/bringup"
	"culvert/internal/simnet"
	"culvert/link"
	"culvert/nic/nictest"
	"culvert/operate/swarm"
	"culvert/role/server"
)

var serverAddr = netip.MustParseAddrPort("192.0.2.1:1194")

// world is a server on a simulated network, whose host answers echo requests.
type world struct {
	t       *testing.T
	net     *simnet.Network
	ca      *pki.Authority
	profile string
	next    atomic.Uint32
}

func newWorld(t *testing.T, more string) *world {
	w := &world{t: t, net: simnet.New(simnet.Options{Delay: 5 * time.Millisecond})}
	w.ca = must(pki.NewAuthority(rand.Reader, time.Now(), pki.Options{Name: "test"}))(t)
	client := must(w.ca.IssueClient(rand.Reader, time.Now(), "client", 0))(t)
	w.profile = "client\ndev tun\nremote 192.0.2.1 1194\nremote-cert-tls server\n" + w.block(client)
	w.serve(more)
	return w
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (w *world) block(own pki.Pair) string {
	return fmt.Sprintf("<ca>\n%s</ca>\n<cert>\n%s</cert>\n<key>\n%s</key>\n", w.ca.CertPEM(), own.CertPEM, own.KeyPEM)
}

func parse(text string) (*config.Config, error) {
	return config.ParseFile("test.conf", []byte(text), func(name string) ([]byte, error) { return nil, fmt.Errorf("a test has no file %s", name) })
}

func (w *world) serve(more string) {
	identity := must(w.ca.IssueServer(rand.Reader, time.Now(), "server", 0))(w.t)
	cfg := must(parse("server 10.8.0.0 255.255.255.0\ntopology subnet\ndev tun\nport 1194\nkeepalive 10 60\nduplicate-cn\n" + more + "\n" + w.block(identity)))(w.t)
	host := nictest.New("tun", 1500)
	ready := make(chan struct{})
	s := must(server.New(cfg, server.Options{
		Log: slog.New(slog.DiscardHandler),
		Open: func(context.Context, bringup.State) (*bringup.Adapter, error) {
			return &bringup.Adapter{NIC: host}, nil
		},
		Listen: func(link.Options) (link.Link, error) { return w.net.Listen(serverAddr) },
		Ready:  func(*server.Server) { close(ready) },
	}))(w.t)
	ctx, stop := context.WithCancel(w.t.Context())
	var ends sync.WaitGroup
	ends.Go(func() {
		if err := s.Run(ctx); err != nil {
			w.t.Error(err)
		}
	})
	ends.Go(func() { answer(host) })
	w.t.Cleanup(func() {
		stop()
		host.Close()
		ends.Wait()
	})
	<-ready
}

// answer is the answer of 10.8.0.1 to echo requests: addresses and type
// change. The checksum is left wrong, since an adapter of the swarm reads none.
func answer(host *nictest.Pipe) {
	for {
		p, err := host.Received()
		if err != nil {
			return
		}
		if len(p) > 28 && p[0] == 0x45 && p[9] == 1 && p[20] == 8 && [4]byte(p[16:20]) == [4]byte{10, 8, 0, 1} {
			var src [4]byte
			copy(src[:], p[12:16])
			copy(p[12:16], p[16:20])
			copy(p[16:20], src[:])
			p[20] = 0
			host.Inject(p)
		}
	}
}

func (w *world) options(clients int, traffic ...swarm.Pattern) swarm.Options {
	o := swarm.DefaultOptions()
	o.Profiles = []func() (*config.Config, error){func() (*config.Config, error) { return parse(w.profile) }}
	o.Clients, o.Traffic, o.For = clients, traffic, 10*time.Second
	o.Listen = func(link.Options) (link.Link, error) {
		n := w.next.Add(1)
		return w.net.Listen(netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(n >> 8), byte(n)}), 40000))
	}
	return o
}

// run runs a swarm and checks that nothing went wrong.
func run(t *testing.T, o swarm.Options) *swarm.Report {
	t.Helper()
	r := must(swarm.Run(t.Context(), o))(t)
	if r.Failed() || r.Up != o.Clients || r.Handshake.Count() != r.Handshakes {
		t.Errorf("not all is well:\n%s", r.Text())
	}
	return r
}

func TestSwarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "")
		o := w.options(12, swarm.Idle, swarm.Ping, swarm.Stream)
		var progress strings.Builder
		o.Progress = &progress
		o.Window, o.For = 16, 4*time.Second
		r := run(t, o)
		if r.Handshakes != 12 || r.Stayed != 12 || len(r.Phases) != 3 {
			t.Fatalf("%s", r.Text())
		}
		idle, ping, stream := r.Phases[0], r.Phases[1], r.Phases[2]
		if idle.Sent != 0 || ping.Lost != 0 || ping.Sent < 47 || ping.Sent > 49 || stream.Lost != 0 {
			t.Errorf("idle sent %d, ping %d, lost %d, stream lost %d", idle.Sent, ping.Sent, ping.Lost, stream.Lost)
		}
		// Two bursts at a time, each of which takes one round trip of 10 ms.
		if stream.Sent < 6000 || stream.Sent > 6500 {
			t.Errorf("the stream sent %d packets", stream.Sent)
		}
		if d := ping.RoundTrip.Quantile(0.5); d < 10*time.Millisecond || d > 12*time.Millisecond {
			t.Errorf("a round trip takes %v", d)
		}
		if !strings.Contains(progress.String(), "12 of 12 clients are up") || !strings.Contains(progress.String(), "12 up, ") {
			t.Errorf("progress was\n%s", progress.String())
		}
	})
}

func TestChurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "")
		o := w.options(4, swarm.Idle)
		o.Churn = time.Second
		r := run(t, o)
		if n := r.Phases[0].Handshakes; n < 10 || r.Handshakes < n+4 {
			t.Errorf("%d handshakes while clients come and leave, %d in all", n, r.Handshakes)
		}
	})
}

func TestRekeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "reneg-sec 4")
		r := run(t, w.options(3, swarm.Ping))
		if r.Rekeys < 6 || r.Phases[0].Lost != 0 {
			t.Errorf("keys were renewed %d times, %d packets lost", r.Rekeys, r.Phases[0].Lost)
		}
	})
}

// TestErrorsAreCounted: what a server refuses is in the report, by its kind.
func TestErrorsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "max-clients 3")
		o := w.options(5, swarm.Idle)
		o.Within, o.For = 5*time.Second, time.Second
		r := must(swarm.Run(t.Context(), o))(t)
		if !r.Failed() || r.Up != 3 || r.Stayed != 3 || len(r.Errors) == 0 {
			t.Errorf("of five clients in a server for three:\n%s", r.Text())
		}
	})
}

func TestNobodyThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "")
		w.profile = strings.Replace(w.profile, "192.0.2.1", "192.0.2.99", 1) + "hand-window 10\n"
		o := w.options(2, swarm.Idle)
		o.Within, o.For = 15*time.Second, time.Second
		r := must(swarm.Run(t.Context(), o))(t)
		if !r.Failed() || r.Up != 0 || r.Errors["handshake timed out"] == nil || r.Errors["not up in time"] == nil {
			t.Errorf("with no server:\n%s", r.Text())
		}
	})
}

func TestMuteTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "")
		o := w.options(2, swarm.Ping)
		o.For, o.Target = 2*time.Second, netip.MustParseAddr("fd00::1")
		r := must(swarm.Run(t.Context(), o))(t)
		if r.Up != 0 || r.Errors["other"] == nil {
			t.Errorf("with a target of a family that is not leased:\n%s", r.Text())
		}
		o.Target = netip.MustParseAddr("10.8.0.200")
		r = must(swarm.Run(t.Context(), o))(t)
		if r.Up != 2 || r.Errors["no answer"] == nil {
			t.Errorf("with a target that does not answer:\n%s", r.Text())
		}
	})
}

func TestTapIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "")
		w.profile = strings.Replace(w.profile, "dev tun", "dev tap", 1)
		r := must(swarm.Run(t.Context(), w.options(2, swarm.Idle)))(t)
		if e := r.Errors["other"]; r.Up != 0 || e == nil || e.Count != 2 || !strings.Contains(e.Example, "dev tun") {
			t.Errorf("with Ethernet:\n%s", r.Text())
		}
	})
}

func TestInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "")
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		r := must(swarm.Run(ctx, w.options(3, swarm.Ping, swarm.Stream)))(t)
		if r.Up != 3 || r.Stayed != 3 || len(r.Phases) != 1 || r.Seconds > 4 {
			t.Errorf("interrupted after 3 s:\n%s", r.Text())
		}
	})
}

func TestOptionsAreChecked(t *testing.T) {
	for name, spoil := range map[string]func(*swarm.Options){
		"no profile": func(o *swarm.Options) { o.Profiles = nil }, "0 clients": func(o *swarm.Options) { o.Clients = 0 },
		"0 handshakes": func(o *swarm.Options) { o.Parallel = 0 }, "packets of 9 bytes": func(o *swarm.Options) { o.Size = 9 },
		"window of 1": func(o *swarm.Options) { o.Window = 1 }, "negative": func(o *swarm.Options) { o.For = -1 },
		"no traffic": func(o *swarm.Options) { o.Traffic = nil },
	} {
		o := swarm.DefaultOptions()
		o.Profiles = []func() (*config.Config, error){func() (*config.Config, error) { return parse("client\n") }}
		spoil(&o)
		if _, err := swarm.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := swarm.ParsePatterns("idle,pong"); err == nil || !strings.Contains(err.Error(), "pong") {
		t.Error(err)
	}
}
