package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"culvert/access/pki"
	"culvert/config"
	"culvert/host/bringup"
	"culvert/internal/buf"
	"culvert/internal/simnet"
	"culvert/link"
	"culvert/nic/nictest"
	"culvert/role/profile"
	"culvert/session"
	"culvert/session/negotiate"
	"culvert/session/wire"
	"culvert/tunnel"
)

// bubbleStart is when a synctest bubble begins.
var bubbleStart = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// secrets are an authority, and a server and a client of it, made once.
var secrets = sync.OnceValue(func() (s struct {
	authority *pki.Authority
	server    pki.Pair
	client    pki.Pair
}) {
	var err error
	if s.authority, err = pki.NewAuthority(rand.Reader, bubbleStart, pki.Options{Name: "CA"}); err != nil {
		panic(err)
	}
	if s.server, err = s.authority.IssueServer(rand.Reader, bubbleStart, "far", 0); err != nil {
		panic(err)
	}
	if s.client, err = s.authority.IssueClient(rand.Reader, bubbleStart, "near", 0); err != nil {
		panic(err)
	}
	return s
})

func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.ParseFile("test.conf", []byte(text), os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// far is the server's end of a client's connections, in a test's hands.
type far struct {
	t       *testing.T
	network *simnet.Network
	link    *simnet.Endpoint
	greeter *session.Greeter
	cfg     session.Config
	// hello decides about a client, by its number: 1 for the first.
	hello func(now time.Time, n int, s *session.Session, h *session.Hello)
	push  []string
	// floats: the client is followed to another address.
	floats bool
	// echo, if not nil, is sent back for each packet out of the tunnel.
	echo []byte
	// offload: no daemon sees its data channel (DCO), so questions by messages are not answered; pings are.
	offload atomic.Bool

	mu      sync.Mutex
	peer    *tunnel.Peer
	hellos  []*session.Hello
	answers []string // to challenges
	left    []error  // why sessions ended
	got     []string // packets out of the tunnel, but for pings
	pings   int
}

const usualPush = "ifconfig 10.8.0.2 255.255.255.0,topology subnet,route-gateway 10.8.0.1,ping 5,ping-restart 20"

// serve listens at an address, until the test ends.
func serve(t *testing.T, n *simnet.Network, at string, lines ...string) *far {
	t.Helper()
	s := secrets()
	c := parse(t, "server 10.8.0.0 255.255.255.0\ndev tun\nkeepalive 5 60\n"+strings.Join(lines, "\n")+
		fmt.Sprintf("\n<ca>\n%s</ca>\n<cert>\n%s</cert>\n<key>\n%s</key>\n", s.authority.CertPEM(), s.server.CertPEM, s.server.KeyPEM))
	trust, err := profile.NewTrust(c, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := &far{t: t, network: n, push: strings.Split(usualPush, ",")}
	if f.cfg, err = trust.Session(c, true); err != nil {
		t.Fatal(err)
	}
	armour, err := profile.Armour(c)
	if err != nil {
		t.Fatal(err)
	}
	f.greeter = session.NewGreeter(armour, session.Rate{})
	if f.link, err = n.Listen(netip.MustParseAddrPort(at)); err != nil {
		t.Fatal(err)
	}
	f.hello = func(now time.Time, _ int, s *session.Session, h *session.Hello) { f.admit(now, s, h) }
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.read()
	}()
	t.Cleanup(func() {
		f.link.Close()
		<-ended
		if p := f.now(); p != nil {
			p.Stop()
		}
	})
	return f
}

func (f *far) now() *tunnel.Peer {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.peer
}

// read takes packets until the socket is closed.
func (f *far) read() {
	batch := buf.NewBatch(8, buf.DefaultSize)
	for {
		n, err := f.link.ReadBatch(batch)
		if err != nil {
			return
		}
		for _, p := range batch[:n] {
			f.take(p)
		}
	}
}

func (f *far) take(p *buf.Packet) {
	peer := f.now()
	op, _ := wire.ParseHead(p.Bytes()[0])
	switch {
	case peer != nil && op.IsData() && f.offload.Load() && p.Len() == askedIn: // lost
		return
	case peer != nil && op.IsData():
		path := p.Path
		kind, err := peer.Data.Open(time.Now(), p)
		if err == nil && path != peer.Path() && f.floats {
			peer.SetPath(path)
		}
		switch {
		case err == nil && kind == session.KindPacket && isPing(p.Bytes()):
			f.pinged(p.Bytes())
		case err == nil && kind == session.KindPacket:
			f.mu.Lock()
			f.got = append(f.got, string(p.Bytes()[20:]))
			f.mu.Unlock()
			if f.echo != nil {
				_ = f.trySend(f.echo)
			}
		case err == nil && kind == session.KindExit:
			peer.Do(func(time.Time) { peer.Session.PeerExited() })
		case err == nil && kind == session.KindMTUTest:
			peer.Do(func(time.Time) { peer.Session.MTUTest() })
		}
		return
	case peer != nil && !op.IsHardReset() && peer.Path().Remote == p.Path.Remote:
		peer.Deliver(p.Bytes(), func(error) { f.greet(p) })
		return
	}
	f.greet(p)
}

// askedIn is how long a packet is by which a client asks for an answer, other than a ping: header, tag
// and the message. Nothing else here is as long.
const askedIn = 4 + 8 + 16 + 17

// isPing reports whether a packet is an echo request.
func isPing(b []byte) bool { return len(b) > 28 && b[0] == 0x45 && b[9] == 1 && b[20] == 8 }

// pinged takes a ping, and answers it as a host does behind a daemon that answers no messages.
func (f *far) pinged(b []byte) {
	f.mu.Lock()
	f.pings++
	f.mu.Unlock()
	if f.offload.Load() {
		answer := slices.Clone(b)
		copy(answer[12:], b[16:20])
		copy(answer[16:], b[12:16])
		answer[6], answer[20] = 0, 0
		_ = f.trySend(answer)
	}
}

// asked is how many pings came.
func (f *far) asked() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pings
}

func (f *far) greet(p *buf.Packet) {
	reply, opening, err := f.greeter.Greet(time.Now(), p.Path.Remote, p.Bytes())
	switch {
	case err != nil:
	case opening == nil:
		path := p.Path
		p.Set(reply)
		p.Path = path
		f.link.WriteBatch([]*buf.Packet{p})
	default:
		peer := tunnel.NewPeer(session.Accept(f.cfg, opening, time.Now()), f.link, p.Path, f.onEvent)
		f.mu.Lock()
		before := f.peer
		f.peer = peer
		f.mu.Unlock()
		if before != nil {
			before.Stop()
		}
		peer.Deliver(p.Bytes(), func(error) {})
	}
}

func (f *far) onEvent(p *tunnel.Peer, now time.Time, e session.Event) {
	switch e := e.(type) {
	case *session.Hello:
		f.mu.Lock()
		f.hellos = append(f.hellos, e)
		n := len(f.hellos)
		f.mu.Unlock()
		f.hello(now, n, p.Session, e)
	case session.ChallengeAnswered:
		f.mu.Lock()
		f.answers = append(f.answers, e.Response)
		f.mu.Unlock()
	case session.Closed:
		p.Stop()
		f.mu.Lock()
		defer f.mu.Unlock()
		f.left = append(f.left, e.Err)
		if f.peer == p {
			f.peer = nil
		}
	}
}

func (f *far) admit(now time.Time, s *session.Session, h *session.Hello) {
	if err := s.Admit(now, negotiate.ServerParams("AES-256-GCM", 1, h.PeerInfo), f.push); err != nil {
		f.t.Error(err)
	}
}

// do calls the session of the client at the other end.
func (f *far) do(call func(now time.Time, s *session.Session)) {
	f.t.Helper()
	p := f.now()
	if p == nil {
		f.t.Fatal("nobody is connected")
	}
	p.Do(func(now time.Time) { call(now, p.Session) })
}

// send sends a control message.
func (f *far) send(text string) {
	f.t.Helper()
	f.do(func(_ time.Time, s *session.Session) { s.Send(text) })
}

// sendPacket sends a packet into the tunnel.
func (f *far) sendPacket(packet []byte) {
	f.t.Helper()
	if err := f.trySend(packet); err != nil {
		f.t.Fatal(err)
	}
}

// trySend is sendPacket for a client that may have left.
func (f *far) trySend(packet []byte) error {
	peer := f.now()
	if peer == nil {
		return errors.New("the client has left")
	}
	p := buf.New(buf.DefaultSize)
	p.Set(packet)
	if err := peer.Data.Seal(time.Now(), p); err != nil {
		return err
	}
	p.Path = peer.Path()
	f.link.WriteBatch([]*buf.Packet{p})
	return nil
}

func (f *far) packets() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

func (f *far) seen() []*session.Hello {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.hellos)
}

// near is a client at work, with what it reported.
type near struct {
	*Client
	nic  *nictest.Pipe
	stop context.CancelFunc
	done chan error

	mu     sync.Mutex
	events []Event
	times  []time.Time
	states []bringup.State
}

func (n *near) add(e Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events, n.times = append(n.events, e), append(n.times, time.Now())
}

// reported are the events of one kind so far.
func reported[E Event](n *near) (list []E) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range n.events {
		if e, ok := e.(E); ok {
			list = append(list, e)
		}
	}
	return list
}

// kinds are the types of all events so far, without their package.
func (n *near) kinds() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var names []string
	for _, e := range n.events {
		names = append(names, reflect.TypeOf(e).Name())
	}
	return strings.Join(names, " ")
}

// profileText is a client's configuration of lines.
func profileText(lines ...string) string {
	return "client\ndev tun\nnobind\nremote-cert-tls server\n" + strings.Join(lines, "\n") +
		fmt.Sprintf("\n<ca>\n%s</ca>\n<cert>\n%s</cert>\n<key>\n%s</key>\n", secrets().authority.CertPEM(), secrets().client.CertPEM, secrets().client.KeyPEM)
}

// connect runs a client on a network, until the test ends. more may change its
// options.
func connect(t *testing.T, network *simnet.Network, text string, more func(*Options)) *near {
	t.Helper()
	n := &near{nic: nictest.New("tun0", 1500), done: make(chan error, 1)}
	o := Options{
		Log: slog.New(slog.DiscardHandler),
		Open: func(_ context.Context, want bringup.State) (*bringup.Adapter, error) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.states = append(n.states, want)
			return &bringup.Adapter{NIC: n.nic}, nil
		},
		Listen: func(link.Options) (link.Link, error) {
			return network.Listen(netip.AddrPortFrom(netip.MustParseAddr("198.51.100.1"), nextPort()))
		},
		Resolve: func(_ context.Context, _, host string) ([]netip.Addr, error) {
			if a, err := netip.ParseAddr(host); err == nil {
				return []netip.Addr{a}, nil
			}
			return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
		},
		Events: n.add,
	}
	if more != nil {
		more(&o)
	}
	var err error
	if n.Client, err = New(parse(t, text), o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.stop = cancel
	go func() { n.done <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-n.done
	})
	return n
}

var ports struct {
	sync.Mutex
	last uint16
}

func nextPort() uint16 {
	ports.Lock()
	defer ports.Unlock()
	ports.last++
	return 20000 + ports.last%40000
}

// ends waits for Run to return by itself.
func (n *near) ends(t *testing.T, within time.Duration) error {
	t.Helper()
	select {
	case err := <-n.done:
		n.done <- err
		return err
	case <-time.After(within):
		t.Fatalf("it goes on after %v: %s", within, n.kinds())
		return nil
	}
}

// wait waits until there were as many events of a kind.
func wait[E Event](t *testing.T, n *near, count int, within time.Duration) E {
	t.Helper()
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if list := reported[E](n); len(list) >= count {
			return list[count-1]
		}
	}
	var e E
	t.Fatalf("no %T number %d within %v: %s", e, count, within, n.kinds())
	return e
}
