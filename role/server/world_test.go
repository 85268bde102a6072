package server_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"culvert/access"
	"culvert/access/pki"
	"culvert/config"
	"culvert/host/bringup"
	"culvert/internal/simnet"
	"culvert/link"
	"culvert/nic/frame"
	"culvert/nic/nictest"
	"culvert/role/client"
	"culvert/role/server"
	"culvert/session/wrap"
)

// epoch is when a synctest bubble begins.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// deviceMAC is the address of every test's Ethernet adapter.
var deviceMAC = frame.MAC{2, 0xde}

var (
	serverAddr = netip.MustParseAddrPort("192.0.2.1:1194")
	serverIPv4 = netip.MustParseAddr("10.8.0.1")
	// outside is a host behind the server.
	outside = netip.MustParseAddr("203.0.113.80")
)

// secrets are what a server and its clients have in common, made once.
type secrets struct {
	authority *pki.Authority
	server    pki.Pair
	v2        *wrap.ServerKeyV2
	mu        sync.Mutex
	profiles  map[string]string
}

var ours = sync.OnceValue(func() *secrets {
	s := &secrets{profiles: make(map[string]string)}
	var err error
	if s.authority, err = pki.NewAuthority(rand.Reader, epoch, pki.Options{Name: "test"}); err != nil {
		panic(err)
	}
	if s.server, err = s.authority.IssueServer(rand.Reader, epoch, "server", 0); err != nil {
		panic(err)
	}
	if s.v2, err = wrap.GenerateServerKeyV2(rand.Reader); err != nil {
		panic(err)
	}
	return s
})

func block(name string, text []byte) string { return fmt.Sprintf("<%s>\n%s</%s>\n", name, text, name) }

// serverConf is a server's configuration with directives more.
func (s *secrets) serverConf(more string) string {
	return s.serverKeys("server 10.8.0.0 255.255.255.0\nserver-ipv6 fd00:8::/64\ndev tun\n" + more)
}

// bridgeConf is the configuration of a server on a LAN's Ethernet.
func (s *secrets) bridgeConf(lines string) string { return s.serverKeys("dev tap\n" + lines) }

func (s *secrets) serverKeys(lines string) string {
	return "port 1194\nkeepalive 10 60\n" + lines + "\n" +
		block("ca", s.authority.CertPEM()) + block("cert", s.server.CertPEM) + block("key", s.server.KeyPEM) +
		block("tls-crypt-v2", s.v2.Format())
}

// profile is the configuration of a client of a name with directives more.
func (s *secrets) profile(t testing.TB, name, more string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.profiles[name] == "" {
		pair := must(s.authority.IssueClient(rand.Reader, epoch, name, 0))(t)
		key := must(wrap.GenerateClientKeyV2(rand.Reader, s.v2, wrap.TimestampMetadata(epoch)))(t)
		s.profiles[name] = block("ca", s.authority.CertPEM()) + block("cert", pair.CertPEM) + block("key", pair.KeyPEM) +
			block("tls-crypt-v2", key.Format())
	}
	return "client\ndev tun\nremote 192.0.2.1 1194\nremote-cert-tls server\n" + more + "\n" + s.profiles[name]
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

func parse(t testing.TB, name, text string) *config.Config {
	t.Helper()
	c, err := config.ParseFile(name, []byte(text), func(name string) ([]byte, error) {
		if filepath.IsAbs(name) {
			return os.ReadFile(name)
		}
		return nil, fmt.Errorf("a test has no file %s", name)
	})
	return must(c, err)(t)
}

// world is a network with a server and clients on it, in one process. It must
// be made within a synctest bubble, and ends with the test.
type world struct {
	crowded atomic.Bool // its sockets have much to send
	t       *testing.T
	net     *simnet.Network

	programs bringup.Programs // of servers' adapters; nil: none
}

func newWorld(t *testing.T, o simnet.Options) *world { return &world{t: t, net: simnet.New(o)} }

// process is what server and client have in common: a log, and an end.
type process struct {
	t      *testing.T
	log    logBuffer
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // once ended is closed
}

func (w *world) start(run func(context.Context) error, p *process) {
	ctx, cancel := context.WithCancel(w.t.Context())
	p.t, p.cancel, p.ended = w.t, cancel, make(chan struct{})
	go func() {
		defer close(p.ended)
		p.err = run(ctx)
	}()
	w.t.Cleanup(func() {
		p.stop()
		if w.t.Failed() {
			w.t.Log(p.log.String())
		}
	})
}

// stop ends a process and waits for it.
func (p *process) stop() error {
	p.cancel()
	<-p.ended
	return p.err
}

// logBuffer is a log in memory.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// serving is a server at work.
type serving struct {
	process
	*server.Server
	nic    *nictest.Pipe
	link   *simnet.Endpoint
	states []bringup.State // asked of the adapter
	events eventList
}

// eventList gathers a server's events.
type eventList struct {
	mu   sync.Mutex
	list []server.Event
	late time.Duration // how long it takes to note that a client ended
}

func (l *eventList) add(e server.Event) {
	l.mu.Lock()
	late := l.late
	l.mu.Unlock()
	if _, ended := e.(server.Ended); ended && late > 0 {
		time.Sleep(late)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, e)
}

// happened are a server's events of one kind so far.
func happened[E server.Event](s *serving) (list []E) {
	s.events.mu.Lock()
	defer s.events.mu.Unlock()
	for _, e := range s.events.list {
		if e, ok := e.(E); ok {
			list = append(list, e)
		}
	}
	return list
}

func (w *world) serve(more string) *serving {
	w.t.Helper()
	return w.serveText(ours().serverConf(more))
}

// serveText is serve with a whole configuration.
func (w *world) serveText(text string, deciders ...access.Decider) *serving {
	w.t.Helper()
	return w.serveOptions(text, func(o *server.Options) { o.Deciders = deciders })
}

// serveOptions is serveText with options that change sets.
func (w *world) serveOptions(text string, change func(*server.Options)) *serving {
	w.t.Helper()
	cfg := parse(w.t, "server.conf", text)
	s := &serving{nic: pipeFor(cfg, "server")}
	ready := make(chan struct{})
	o := server.Options{
		Log:    s.log.logger(),
		Open:   w.hooked(opener(s.nic, &s.states)),
		Listen: w.listener(serverAddr, &s.link),
		Events: s.events.add,
		Ready:  func(*server.Server) { close(ready) },
	}
	change(&o)
	s.Server = must(server.New(cfg, o))(w.t)
	w.start(s.Run, &s.process)
	<-ready
	return s
}

// hooked runs the world's programs with an adapter, if there are any.
func (w *world) hooked(open bringup.Opener) bringup.Opener {
	if w.programs == nil {
		return open
	}
	return bringup.Hooks{Programs: w.programs}.Opener(open)
}

// pipeFor is an adapter of the kind that a configuration wants.
func pipeFor(c *config.Config, name string) *nictest.Pipe {
	if c.Adapter.DevType == config.DevTap {
		return nictest.NewEthernet("tap-"+name, 1500)
	}
	return nictest.New("tun-"+name, 1500)
}

// opener brings a test's adapter up, and notes the state it was asked for.
func opener(pipe *nictest.Pipe, states *[]bringup.State) bringup.Opener {
	return func(_ context.Context, want bringup.State) (*bringup.Adapter, error) {
		if states != nil {
			*states = append(*states, want)
		}
		return &bringup.Adapter{NIC: pipe, FollowMAC: func(told func(frame.MAC)) error { told(deviceMAC); return nil }}, nil
	}
}

func (w *world) listener(addr netip.AddrPort, to **simnet.Endpoint) func(link.Options) (link.Link, error) {
	return func(link.Options) (link.Link, error) {
		e, err := w.net.Listen(addr)
		if err != nil {
			return nil, err
		}
		*to = e
		return crowdable{e, &w.crowded}, nil
	}
}

// crowdable is a socket whose send buffer is said to be full.
type crowdable struct {
	*simnet.Endpoint
	full *atomic.Bool
}

func (c crowdable) Crowded() bool { return c.full.Load() }

// connected is a client at work.
type connected struct {
	process
	*client.Client
	name   string
	nic    *nictest.Pipe
	link   *simnet.Endpoint
	states []bringup.State // asked of the adapter, one each time it was opened
	ups    int             // how often the tunnel came up
	ready  chan struct{}   // gets one each time
}

var nextHost byte

// dial starts a client without waiting for it. It gets an outer address of its
// own.
func (w *world) dial(name, more string) *connected {
	w.t.Helper()
	nextHost++
	addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, nextHost}), 40000)
	return w.dialFrom(addr, name, more)
}

func (w *world) dialFrom(addr netip.AddrPort, name, more string) *connected {
	w.t.Helper()
	return w.dialText(addr, name, ours().profile(w.t, name, more))
}

// dialText is dialFrom with a whole profile.
func (w *world) dialText(addr netip.AddrPort, name, text string) *connected {
	w.t.Helper()
	cfg := parse(w.t, name+".ovpn", text)
	c := &connected{name: name, nic: pipeFor(cfg, name), ready: make(chan struct{}, 100)}
	c.Client = must(client.New(cfg, client.Options{
		Log:    c.log.logger(),
		Open:   opener(c.nic, &c.states),
		Listen: w.listener(addr, &c.link),
		Resolve: func(_ context.Context, _, host string) ([]netip.Addr, error) {
			if host == "second.example" {
				return []netip.Addr{netip.MustParseAddr("192.0.2.7")}, nil
			}
			return []netip.Addr{serverAddr.Addr(), netip.MustParseAddr("192.0.2.6")}, nil
		},
		Ready: func(*client.Client) { c.ready <- struct{}{} },
	}))(w.t)
	w.start(c.Run, &c.process)
	return c
}

// connect starts a client and waits until its tunnel is up.
func (w *world) connect(name, more string) *connected {
	w.t.Helper()
	c := w.dial(name, more)
	c.up(time.Minute)
	return c
}

// up waits until the tunnel is up, once more if it was.
func (c *connected) up(limit time.Duration) {
	c.t.Helper()
	select {
	case <-c.ready:
		c.ups++
	case <-c.ended:
		c.t.Fatalf("client %s ended: %v\n%s", c.name, c.err, c.log.String())
	case <-time.After(limit):
		c.t.Fatalf("client %s is not up after %v\n%s", c.name, limit, c.log.String())
	}
}

// inner is the client's address inside the tunnel.
func (c *connected) inner() netip.Addr {
	for _, a := range c.states[len(c.states)-1].Addresses {
		if a.Prefix.Addr().Is4() {
			return a.Prefix.Addr()
		}
	}
	c.t.Fatalf("client %s has no address: %+v", c.name, c.states)
	return netip.Addr{}
}

// until waits for a condition in the bubble's time.
func (w *world) until(limit time.Duration, what string, done func() bool) {
	w.t.Helper()
	for end := time.Now().Add(limit); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("after %v still not: %s", limit, what)
		}
	}
}

// ipv4 is a UDP packet with a text, ipv6 the same in IPv6; neither has a UDP
// checksum.
func ipv4(src, dst netip.Addr, text string) []byte {
	p := make([]byte, 28, 28+len(text))
	p[0], p[8], p[9] = 0x45, 64, 17
	binary.BigEndian.PutUint16(p[2:], uint16(28+len(text)))
	copy(p[12:], src.AsSlice())
	copy(p[16:], dst.AsSlice())
	binary.BigEndian.PutUint16(p[24:], uint16(8+len(text)))
	return append(p, text...)
}

func ipv6(src, dst netip.Addr, text string) []byte {
	p := make([]byte, 48, 48+len(text))
	p[0], p[6], p[7] = 0x60, 17, 64
	binary.BigEndian.PutUint16(p[4:], uint16(8+len(text)))
	copy(p[8:], src.AsSlice())
	copy(p[24:], dst.AsSlice())
	binary.BigEndian.PutUint16(p[44:], uint16(8+len(text)))
	return append(p, text...)
}

// expect waits for packet to arrive on an adapter; other packets pass by.
func expect(t *testing.T, pipe *nictest.Pipe, packet []byte) {
	t.Helper()
	found := make(chan error, 1)
	go func() {
		for {
			got, err := pipe.Received()
			if err != nil || bytes.Equal(got, packet) {
				found <- err
				return
			}
		}
	}()
	select {
	case err := <-found:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(5 * time.Second):
		pipe.Close() // ends the goroutine
		t.Fatalf("%s: no packet %q", pipe.Name(), packet)
	}
}

// exchange sends a packet each way between a client and a host behind the
// server.
func exchange(t *testing.T, s *serving, c *connected) {
	t.Helper()
	there := ipv4(c.inner(), outside, "there "+c.name)
	c.nic.Inject(there)
	expect(t, s.nic, there)
	back := ipv4(outside, c.inner(), "back "+c.name)
	s.nic.Inject(back)
	expect(t, c.nic, back)
}

// logged reports whether a process has logged a text.
func logged(p *process, text string) bool { return strings.Contains(p.log.String(), text) }
