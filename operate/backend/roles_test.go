package backend

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access/pki"
	"culvert/config"
	"culvert/host/bringup"
	"culvert/internal/simnet"
	"culvert/link"
	"culvert/nic/nictest"
	"culvert/role/client"
	"culvert/role/p2p"
	"culvert/role/server"
	"culvert/session/wrap"
)

var (
	serverAddr = netip.MustParseAddrPort("192.0.2.1:1194")
	clientAddr = netip.MustParseAddrPort("198.51.100.1:40000")
	epoch      = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
)

func parse(t *testing.T, name, text string) *config.Config {
	t.Helper()
	c, err := config.ParseFile(name, []byte(text), os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func block(name string, text []byte) string { return fmt.Sprintf("<%s>\n%s</%s>\n", name, text, name) }

// world is a simulated network in a synctest bubble.
type world struct {
	t *testing.T
	*simnet.Network
	mu      sync.Mutex // several roles note what they open
	opened  []string   // adapters, by role
	reloads int
}

func inWorld(t *testing.T, test func(*testing.T, *world)) {
	synctest.Test(t, func(t *testing.T) {
		test(t, &world{t: t, Network: simnet.New(simnet.Options{Delay: time.Millisecond})})
	})
}

// process is one that notes what it is asked.
func (w *world) process() Process {
	return Process{Reload: func() { w.reloads++ }, Opened: func(b Backend, adapter string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.opened = append(w.opened, b.Status().Role+" "+adapter)
	}}
}

func (w *world) at(addr netip.AddrPort) func(link.Options) (link.Link, error) {
	return func(link.Options) (link.Link, error) { return w.Listen(addr) }
}

func open(name string) bringup.Opener {
	return func(context.Context, bringup.State) (*bringup.Adapter, error) {
		return &bringup.Adapter{NIC: nictest.New(name, 1500)}, nil
	}
}

func resolve(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{serverAddr.Addr()}, nil
}

// run runs a role until the function that it returns is called.
func (w *world) run(role interface{ Run(context.Context) error }) (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- role.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	}
}

var quiet = slog.New(slog.DiscardHandler)

// serverAndClient are both ends, not running yet.
func (w *world) serverAndClient() (*Server, *Client) { return w.endsWith(ends{open: open}) }

// ends are further lines of both ends, and what opens their adapters.
type ends struct {
	open           func(name string) bringup.Opener
	server, client string
}

func (w *world) endsWith(e ends) (*Server, *Client) {
	w.t.Helper()
	authority, err := pki.NewAuthority(rand.Reader, epoch, pki.Options{Name: "test"})
	if err != nil {
		w.t.Fatal(err)
	}
	own, err := authority.IssueServer(rand.Reader, epoch, "server", 0)
	anna, err2 := authority.IssueClient(rand.Reader, epoch, "anna", 0)
	if err := errors.Join(err, err2); err != nil {
		w.t.Fatal(err)
	}
	keys := func(p pki.Pair) string {
		return block("ca", authority.CertPEM()) + block("cert", p.CertPEM) + block("key", p.KeyPEM)
	}
	s, err := NewServer(parse(w.t, "server.conf", "server 10.8.0.0 255.255.255.0\ndev tun\nkeepalive 10 60\nexplicit-exit-notify 1\n"+e.server+keys(own)),
		server.Options{Log: quiet, Open: e.open("tun0"), Listen: w.at(serverAddr)}, w.process())
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := NewClient(parse(w.t, "anna.ovpn", "client\ndev tun\nremote vpn.example 1194\nremote-cert-tls server\nexplicit-exit-notify 1\n"+e.client+keys(anna)),
		client.Options{Log: quiet, Open: e.open("tun1"), Listen: w.at(clientAddr), Resolve: resolve}, w.process())
	if err != nil {
		w.t.Fatal(err)
	}
	return s, c
}

// kinds are those of the events that a reader has to read now.
func kinds(r *Reader) (list []Kind) {
	synctest.Wait()
	now, cancel := context.WithCancel(context.Background())
	cancel()
	for len(r.queue) > 0 {
		e, _ := r.Next(now)
		list = append(list, e.Kind)
	}
	return list
}

// TestServerAndClient: both ends of a tunnel as their readers see them, from the
// beginning to the end.
func TestServerAndClient(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		s, c := w.serverAndClient()
		if got := c.Status(); got.Adapter != "" || len(got.Peers) != 0 || !got.Since.IsZero() {
			t.Errorf("before it runs: %+v", got)
		}
		ofServer, ofClient := s.Events(100), c.Events(100)
		stopServer := w.run(s)
		synctest.Wait()
		stop := w.run(c)
		time.Sleep(5 * time.Second)
		synctest.Wait()

		if got := fmt.Sprint(w.opened); got != "[server tun0 client tun1]" {
			t.Errorf("opened %s", got)
		}
		status := s.Status()
		if status.Role != "server" || status.Adapter != "tun0" || status.Since.IsZero() || status.Drops == nil || len(status.Peers) != 1 {
			t.Fatalf("%+v", status)
		}
		p := status.Peers[0]
		if p.Name != "anna" || p.PeerID == nil || p.Remote != clientAddr.String() || p.IPv4 != netip.MustParseAddr("10.8.0.2") || p.Cipher != "AES-256-GCM" || p.Serial == "" || p.LastHeard.IsZero() {
			t.Errorf("%+v", p)
		}
		if got := c.Peers(); len(got) != 1 || got[0].Remote != serverAddr.String() || got[0].Cipher != "AES-256-GCM" || got[0].BytesIn == 0 && got[0].LastHeard.IsZero() {
			t.Errorf("%+v", got)
		}
		if text := string(s.StatusText(2)); !strings.Contains(text, "CLIENT_LIST,anna,") {
			t.Errorf("%s", text)
		}
		if text := string(c.StatusText(1)); !strings.HasPrefix(text, "OpenVPN STATISTICS\n") {
			t.Errorf("%s", text)
		}
		if s.Packets().Eyes == nil || s.Packets().Ethernet {
			t.Error("packets cannot be watched")
		}
		if got := kinds(ofServer); fmt.Sprint(got) != "[entering up]" {
			t.Errorf("of the server: %v", got)
		}
		got := kinds(ofClient)
		for _, want := range []Kind{Connecting, Answered, Secured, Pushed, Configured, Up} {
			if !slices.Contains(got, want) {
				t.Errorf("of the client: %v, without %s", got, want)
			}
		}

		w.steer(s, c, p.Number)
		kinds(ofServer)
		kinds(ofClient)
		stop()
		if got := kinds(ofClient); len(got) == 0 || !slices.Contains(got, Ended) {
			t.Errorf("at the client's end: %v", got)
		}
		if _, more := ofClient.Next(t.Context()); more {
			t.Error("something happened after the end")
		}
		time.Sleep(time.Second)
		if got := kinds(ofServer); fmt.Sprint(got) != "[left]" {
			t.Errorf("of the server, when its client left: %v", got)
		}
		stopServer()
	})
}

// steer asks both ends for what they can do, a server with one client of a number.
func (w *world) steer(s *Server, c *Client, number uint64) {
	if done, err := s.PushUpdate(Update{All: true, Options: []string{"dhcp-option DNS 10.8.0.53"}}); err != nil || fmt.Sprint(done.Told) != "[anna]" {
		w.t.Errorf("%+v, %v", done, err)
	}
	for what, err := range map[string]error{"push": second(c.PushUpdate(Update{})), "disconnect": c.Disconnect(1, "")} {
		if !errors.Is(err, ErrUnsupported) {
			w.t.Errorf("%s: %v", what, err)
		}
	}
	events := s.Events(100)
	defer events.Close()
	for what, do := range map[string]func(){
		"disconnect": func() {
			if err := s.Disconnect(number, ""); err != nil {
				w.t.Error(err)
			}
		},
		"server restart": s.Restart, "client restart": c.Restart,
	} {
		kinds(events)
		do()
		time.Sleep(30 * time.Second)
		if got := kinds(events); !slices.Contains(got, Left) && !slices.Contains(got, CutOff) || !slices.Contains(got, Up) {
			w.t.Errorf("%s: %v; want one that leaves and comes back", what, got)
		}
		number = s.Peers()[0].Number
	}
	c.Reload()
	if w.reloads != 1 {
		w.t.Errorf("%d reloads", w.reloads)
	}
	if _, err := c.DialContext(w.t.Context(), "tcp", "192.0.2.9:80"); err == nil {
		w.t.Error("a tunnel with a device is dialed through")
	}
}

func second[T any](_ T, err error) error { return err }

// TestReservedAdapter: one that a process opened beforehand is known at once.
func TestReservedAdapter(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := w.process()
		p.Reserved = "tun7"
		h, err := NewHost(parse(t, "host.conf", hostConfig(t)), p2p.Options{Log: quiet, Open: open("tun7")}, p)
		if err != nil {
			t.Fatal(err)
		}
		if s := h.Status(); s.Role != "p2p" || s.Adapter != "tun7" || s.Since.IsZero() || fmt.Sprint(w.opened) != "[p2p tun7]" {
			t.Errorf("%+v, opened %v", s, w.opened)
		}
	})
}

// hostConfig is one of two hosts' that share a key.
func hostConfig(t *testing.T) string {
	t.Helper()
	key, err := wrap.GenerateStaticKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return "dev tun\nremote 192.0.2.2 1194\nifconfig 10.8.0.1 10.8.0.2\ncipher AES-256-CBC\nkeepalive 2 8\nallow-deprecated-insecure-static-crypto\n" + block("secret", key.Format())
}

// TestTwoHosts: each is the other's only peer.
func TestTwoHosts(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		text := hostConfig(t)
		swapped := strings.NewReplacer("192.0.2.2", "192.0.2.1", "10.8.0.1 10.8.0.2", "10.8.0.2 10.8.0.1").Replace(text)
		make := func(at string, text string) *Host {
			h, err := NewHost(parse(t, "host.conf", text), p2p.Options{
				Log: quiet, Open: open("tun0"), Listen: w.at(netip.MustParseAddrPort(at)),
				Resolve: func(_ context.Context, _, host string) ([]netip.Addr, error) {
					return []netip.Addr{netip.MustParseAddr(host)}, nil
				},
				Dial: func(context.Context, link.Options, netip.AddrPort) (net.Conn, error) {
					return nil, errors.New("UDP alone")
				},
			}, w.process())
			if err != nil {
				t.Fatal(err)
			}
			return h
		}
		a, b := make("192.0.2.1:1194", text), make("192.0.2.2:1194", swapped)
		events := a.Events(100)
		stopA, stopB := w.run(a), w.run(b)
		time.Sleep(10 * time.Second)
		if got := a.Peers(); len(got) != 1 || got[0].Remote != "192.0.2.2:1194" {
			t.Errorf("%+v", got)
		}
		if got := kinds(events); !slices.Contains(got, Up) {
			t.Errorf("%v", got)
		}
		a.Restart()
		if text := string(a.StatusText(0)); !strings.Contains(text, "TUN/TAP read bytes") {
			t.Errorf("%s", text)
		}
		stopB()
		stopA()
	})
}
