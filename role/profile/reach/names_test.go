package reach

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"culvert/config"
	"culvert/host/hostnet"
)

// TestMain has package net read this machine's files outside of any bubble: what
// it keeps of them must not belong to one.
func TestMain(m *testing.M) {
	inFiles(context.Background(), "ip", "localhost")
	m.Run()
}

// fakeTunnel is one that leads what is below 203.0.113 into itself.
type fakeTunnel struct {
	before  hostnet.Resolvers
	unknown error        // in place of those
	past    []netip.Addr // now
	pasts   int          // how often
	noWay   bool         // there is none past it
}

// newTunnel has changed this host's names, which were of these servers.
func newTunnel(servers ...string) *fakeTunnel {
	f := &fakeTunnel{before: hostnet.Resolvers{Dots: 1, Timeout: 5 * time.Second, Attempts: 2, Changed: true}}
	for _, a := range servers {
		f.before.Servers = append(f.before.Servers, hostnet.NameServer{Addr: netip.AddrPortFrom(netip.MustParseAddr(a), 53)})
	}
	return f
}

func (f *fakeTunnel) Resolvers(context.Context, string) (hostnet.Resolvers, error) {
	return f.before, f.unknown
}

func (f *fakeTunnel) Carries(to netip.Addr) bool {
	return netip.MustParsePrefix("203.0.113.0/24").Contains(to)
}

func (f *fakeTunnel) Past(_ context.Context, to []netip.Addr, do func([]netip.Addr) error) error {
	f.past, f.pasts = to, f.pasts+1
	if f.noWay {
		f.past = nil
	}
	defer func() {
		synctest.Wait() // for those who ask yet
		f.past = nil
	}()
	return do(f.past)
}

// nameServer is one of a simulated network: a name's addresses, "" for a name
// without any; a name that is missing gets no answer at all.
type nameServer map[string]string

// network has name servers, and notes what they are asked for.
type network struct {
	tunnel  *fakeTunnel
	servers map[string]nameServer
	mu      sync.Mutex
	asked   []string
}

func (w *network) note(question string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, question)
}

// dial connects to a server, which refuses where there is none, and is not
// heard of where the tunnel has the way.
func (w *network) dial(ctx context.Context, _ string, to netip.AddrPort) (net.Conn, error) {
	server, ok := w.servers[to.Addr().String()]
	if !ok || ctx.Err() != nil {
		return nil, errors.New("connection refused")
	}
	if w.tunnel.Carries(to.Addr()) && !slices.Contains(w.tunnel.past, to.Addr()) {
		server = nil
	}
	near, far := net.Pipe()
	go w.serve(far, to, server)
	return near, nil
}

// serve answers one question, in the form of DNS over streams.
func (w *network) serve(conn net.Conn, at netip.AddrPort, server nameServer) {
	defer conn.Close()
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return
	}
	question := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, question); err != nil {
		return
	}
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil || len(m.Questions) != 1 {
		return
	}
	q := m.Questions[0]
	if q.Type == dnsmessage.TypeA {
		w.note(fmt.Sprintf("%v %v", at.Addr(), q.Name))
	}
	reply, ok := server.answer(m.ID, q)
	if !ok {
		io.Copy(io.Discard, conn) // never
		return
	}
	conn.Write(binary.BigEndian.AppendUint16(nil, uint16(len(reply))))
	conn.Write(reply)
}

func (s nameServer) answer(id uint16, q dnsmessage.Question) (reply []byte, ok bool) {
	addr, ok := s[q.Name.String()]
	if !ok {
		return nil, false
	}
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: id, Response: true, RecursionAvailable: true}, Questions: []dnsmessage.Question{q}}
	switch {
	case addr == "":
		m.RCode = dnsmessage.RCodeNameError
	case addr == "fails":
		m.RCode = dnsmessage.RCodeServerFailure
	case q.Type == dnsmessage.TypeA:
		a := dnsmessage.AResource{A: netip.MustParseAddr(addr).As4()}
		m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}, Body: &a}}
	}
	reply, err := m.Pack()
	return reply, err == nil
}

// names asks on the network; the system's resolver has one answer for all.
func (w *network) names() *Names {
	n := NewNames(new(config.Config), func(context.Context, string, string) ([]netip.Addr, error) {
		w.note("the system")
		return []netip.Addr{netip.MustParseAddr("192.0.2.99")}, nil
	}, func() Tunnel {
		if w.tunnel == nil {
			return nil
		}
		return w.tunnel
	}, slog.New(slog.DiscardHandler))
	n.Dial = w.dial
	return n
}

// TestNamesPastTheTunnel: what is asked, of whom, and what comes of it.
func TestNamesPastTheTunnel(t *testing.T) {
	const inTunnel, onLAN, other, failing = "203.0.113.53", "192.0.2.53", "192.0.2.54", "192.0.2.55"
	knows := nameServer{"vpn.test.": "192.0.2.7", "vpn.home.": "192.0.2.8", "none.test.": "", "vpn.": "", "none.test.home.": ""}
	for name, c := range map[string]struct {
		tunnel *fakeTunnel
		before func(*hostnet.Resolvers)
		ask    string   // "": vpn.test
		want   string   // an address, or part of an error
		asked  []string // nil: not compared
		pasts  int
	}{
		"no tunnel":                 {want: "192.0.2.99", asked: []string{"the system"}},
		"server in the tunnel":      {tunnel: newTunnel(inTunnel), want: "192.0.2.7", asked: []string{inTunnel + " vpn.test."}, pasts: 1},
		"server beside the tunnel":  {tunnel: newTunnel(onLAN), want: "192.0.2.7", asked: []string{onLAN + " vpn.test."}},
		"nothing is changed":        {tunnel: newTunnel(onLAN), before: func(r *hostnet.Resolvers) { r.Changed = false }, want: "192.0.2.99", asked: []string{"the system"}},
		"names unchanged, in there": {tunnel: newTunnel(inTunnel), before: func(r *hostnet.Resolvers) { r.Changed = false }, want: "192.0.2.7", asked: []string{inTunnel + " vpn.test."}, pasts: 1},
		"no server known":           {tunnel: newTunnel(), want: "192.0.2.99", asked: []string{"the system"}},
		"servers cannot be known":   {tunnel: &fakeTunnel{unknown: errors.New("not here")}, want: "192.0.2.99", asked: []string{"the system"}},
		"an address":                {tunnel: newTunnel(inTunnel), ask: "2001:db8::1", want: "192.0.2.99", asked: []string{"the system"}},
		"of this host's file":       {tunnel: newTunnel(inTunnel), ask: "localhost", want: "127.0.0.1", asked: []string{}},
		"the first refuses":         {tunnel: newTunnel("192.0.2.1", onLAN), want: "192.0.2.7", asked: []string{onLAN + " vpn.test."}},
		"the first is silent":       {tunnel: newTunnel(other, onLAN), want: "192.0.2.7", asked: []string{other + " vpn.test.", onLAN + " vpn.test."}},
		"the second is not asked":   {tunnel: newTunnel(onLAN, failing), want: "192.0.2.7", asked: []string{onLAN + " vpn.test."}},
		"no such name":              {tunnel: newTunnel(onLAN, other), ask: "none.test", want: "no such host", asked: []string{onLAN + " none.test."}},
		"the first fails":           {tunnel: newTunnel(failing, onLAN), want: "192.0.2.7", asked: []string{failing + " vpn.test.", onLAN + " vpn.test."}},
		"fails below a domain": {tunnel: newTunnel(other, failing), before: func(r *hostnet.Resolvers) { r.Search = []string{"home"}; r.Dots = 2 }, ask: "a.test",
			want: "192.0.2.9", asked: []string{other + " a.test.home.", failing + " a.test.home.", failing + " a.test."}},
		"search domains": {tunnel: newTunnel(onLAN), before: func(r *hostnet.Resolvers) { r.Search = []string{"home"} }, ask: "vpn",
			want: "192.0.2.8", asked: []string{onLAN + " vpn.home."}},
		"ndots": {tunnel: newTunnel(onLAN), before: func(r *hostnet.Resolvers) { r.Search, r.Dots = []string{"home."}, 0 }, ask: "vpn",
			want: "192.0.2.8", asked: []string{onLAN + " vpn.", onLAN + " vpn.home."}},
		"whole by a dot":    {tunnel: newTunnel(onLAN), before: func(r *hostnet.Resolvers) { r.Search = []string{"home"} }, ask: "vpn.", want: "no such host", asked: []string{onLAN + " vpn."}},
		"nobody answers":    {tunnel: newTunnel(other), want: "no answer from 192.0.2.54:53", asked: []string{other + " vpn.test."}},
		"no way past it":    {tunnel: &fakeTunnel{noWay: true, before: newTunnel(inTunnel).before}, want: "no way past the tunnel", pasts: 1, asked: []string{}},
		"all refuse":        {tunnel: newTunnel("192.0.2.1"), want: "connection refused"},
		"a local forwarder": {tunnel: newTunnel("127.0.0.1"), want: "net_gateway"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &network{tunnel: c.tunnel, servers: map[string]nameServer{inTunnel: knows, onLAN: knows, other: nil,
					failing: {"vpn.test.": "fails", "a.test.home.": "fails", "a.test.": "192.0.2.9"}}}
				if c.before != nil {
					c.before(&c.tunnel.before)
				}
				if c.ask == "" {
					c.ask = "vpn.test"
				}
				ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second) // within package net's own limit
				defer cancel()
				addrs, err := w.names().Lookup(ctx, "ip", c.ask)
				if err != nil && !strings.Contains(err.Error(), c.want) || err == nil && !slices.Contains(addrs, netip.MustParseAddr(c.want)) {
					t.Errorf("%v, %v; want %s", addrs, err, c.want)
				}
				synctest.Wait()
				if w.asked = slices.Compact(w.asked); c.asked != nil && !slices.Equal(w.asked, c.asked) {
					t.Errorf("asked %q, want %q", w.asked, c.asked)
				}
				if c.tunnel != nil && c.tunnel.pasts != c.pasts {
					t.Errorf("%d times past the tunnel, want %d", c.tunnel.pasts, c.pasts)
				}
			})
		})
	}
}

// TestQuestionsAreRepeated: a server is asked as often as the file says, since
// datagrams get lost, and no more often.
func TestQuestionsAreRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &network{tunnel: newTunnel("192.0.2.1"), servers: map[string]nameServer{"192.0.2.1": nil}}
		w.tunnel.before.Attempts = 3
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		if addrs, err := w.names().Lookup(ctx, "ip4", "vpn.test"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, %v", addrs, err)
		}
		synctest.Wait()
		if len(w.asked) != 3 {
			t.Errorf("asked %q", w.asked)
		}
	})
}

// TestOverTLS: a server that is to be asked by TLS alone is never asked in clear.
func TestOverTLS(t *testing.T) {
	first := make(chan byte, 1)
	n := &Names{Dial: func(_ context.Context, network string, to netip.AddrPort) (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			b := make([]byte, 1)
			io.ReadFull(far, b)
			far.Close()
			select {
			case first <- b[0]:
			default:
			}
		}()
		if network != "tcp" {
			t.Errorf("asked over %s", network)
		}
		return near, nil
	}}
	s := hostnet.NameServer{Addr: netip.MustParseAddrPort("192.0.2.1:853"), TLS: true}
	if a := n.askServer(t.Context(), s, "ip", "vpn.test."); a.err == nil {
		t.Errorf("answered with %v", a.addrs)
	}
	const handshake = 22 // a TLS record's type (RFC 8446, section 5.1)
	if b := <-first; b != handshake {
		t.Errorf("the first byte is %d", b)
	}
}
