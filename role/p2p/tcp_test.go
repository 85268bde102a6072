package p2p

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/simnet"
	"culvert/role/event"
	"culvert/session"
)

// streams is TCP in memory: listeners by their address.
type streams struct {
	mu    sync.Mutex
	there map[netip.AddrPort]*listener
	ports uint16 // of callers, given so far
}

// listener is one end that listens.
type listener struct {
	at    netip.AddrPort
	calls chan net.Conn
	close func()
}

func (s *streams) listen(at netip.AddrPort) Listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &listener{at: at, calls: make(chan net.Conn, 8)}
	l.close = sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.there, at)
		close(l.calls)
	})
	if s.there == nil {
		s.there = make(map[netip.AddrPort]*listener)
	}
	s.there[at] = l
	return l
}

func (l *listener) LocalAddr() netip.AddrPort { return l.at }
func (l *listener) Close() error              { l.close(); return nil }

func (l *listener) Accept() (net.Conn, error) {
	if conn, ok := <-l.calls; ok {
		return conn, nil
	}
	return nil, fs.ErrClosed
}

// conn is an end of a connection with addresses.
type conn struct {
	net.Conn
	local, remote netip.AddrPort
}

func (c conn) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(c.local) }
func (c conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

func (s *streams) dial(from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.there[to]
	if l == nil {
		return nil, syscall.ECONNREFUSED
	}
	s.ports++
	at := netip.AddrPortFrom(from, 40000+s.ports)
	near, far := net.Pipe()
	l.calls <- conn{far, to, at}
	return conn{near, at, to}, nil
}

// tcpPair are two hosts' lines over TCP, a the one that calls.
func tcpPair(t *testing.T, roleA, roleB string) (a, b []string) {
	idA, knownA := identity(t)
	idB, knownB := identity(t)
	return []string{roleA, idA, knownB, ifconfigA, "proto tcp-client", "remote 192.0.2.2"},
		[]string{roleB, idB, knownA, ifconfigB, "proto tcp-server"}
}

func TestHostsOverTCP(t *testing.T) {
	for name, lines := range map[string]func(t *testing.T) (a, b []string){
		"client calls": func(t *testing.T) (a, b []string) { return tcpPair(t, "tls-client", "tls-server") },
		"server calls": func(t *testing.T) (a, b []string) { return tcpPair(t, "tls-server", "tls-client") },
		"static key": func(*testing.T) (a, b []string) {
			return []string{static, ifconfigA, "proto tcp-client", "remote 192.0.2.2"}, []string{static, ifconfigB, "proto tcp-server"}
		},
		"static key, without a ping": func(*testing.T) (a, b []string) {
			return []string{static, ifconfigA, "proto tcp-client", "remote 192.0.2.2", "ping 0"}, []string{static, ifconfigB, "proto tcp-server", "ping 0"}
		},
		"connection block": func(t *testing.T) (a, b []string) {
			a, b = tcpPair(t, "tls-client", "tls-server")
			return append(a[:4], "<connection>\nremote 192.0.2.9 1194 udp\nfragment 1200\n</connection>", "<connection>\nremote 192.0.2.2 1194 tcp-client\n</connection>", "hand-window 3"), b
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network, tcp := simnet.New(simnet.Options{}), new(streams)
				linesA, linesB := lines(t)
				comeAndGo(t, func(at netip.AddrPort, lines []string) *running { return startOver(t, network, tcp, at, lines...) }, linesA, linesB)
			})
		})
	}
}

// TestStrangersOverTCP: neither silence, nor another protocol, nor a stranger's
// certificate or address costs two hosts their connection, with TLS and with a
// static key; what came in place of OpenVPN is said in words.
func TestStrangersOverTCP(t *testing.T) {
	for _, key := range []string{"tls", "static"} {
		t.Run(key, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { strangersOverTCP(t, key == "static") })
		})
	}
}

func strangersOverTCP(t *testing.T, shared bool) {
	network, tcp := simnet.New(simnet.Options{}), new(streams)
	linesA, linesB := tcpPair(t, "tls-client", "tls-server")
	if shared {
		linesA = []string{static, ifconfigA, "proto tcp-client", "remote 192.0.2.2"}
		linesB = []string{static, ifconfigB, "proto tcp-server"}
	}
	b := startOver(t, network, tcp, addrB, linesB...)
	synctest.Wait()
	var calls []net.Conn
	for i, say := range []string{"", "\x00", "GET / HTTP/1.1\r\n\r\n", "\x00\x0e\x380123456789012", "\x00\x20\x48 nothing that was sealed here"} {
		c, err := tcp.dial(netip.AddrFrom4([4]byte{192, 0, 2, byte(10 + i)}), addrB)
		if err != nil {
			t.Fatal(err)
		}
		if say != "" {
			go c.Write([]byte(say))
		}
		calls = append(calls, c)
	}
	a := startOver(t, network, tcp, addrA, linesA...)
	pass(t, a, b, 1)
	peer := b.Peer()
	linesC, _ := tcpPair(t, "tls-client", "tls-server")
	c := startOver(t, network, tcp, netip.MustParseAddrPort("192.0.2.3:1194"), linesC...)
	time.Sleep(time.Minute)
	if c.Peer() != nil || b.Peer() != peer {
		t.Error("a stranger took the connection")
	}
	pass(t, b, a, 2)
	for i, c := range calls {
		if _, err := c.Write([]byte{0}); err == nil {
			t.Errorf("stranger %d is still there", i)
		}
	}
	var why []error
	for _, e := range of[event.Stranger](b) {
		why = append(why, e.Err)
	}
	for _, e := range of[event.Failed](b) { // with a static key, each has a session
		why = append(why, e.Err)
	}
	if !slices.ContainsFunc(why, func(err error) bool { return strings.Contains(err.Error(), "an HTTP request") }) {
		t.Errorf("nothing is said of HTTP: %v", why)
	}
	for _, r := range []*running{a, b, c} {
		r.stop()
	}
}

// TestOnlyRemotesMayCall: a host that waits for TCP takes connections from its
// remotes alone, whatever their port.
func TestOnlyRemotesMayCall(t *testing.T) {
	for _, remote := range []string{"192.0.2.1", "192.0.2.7"} {
		synctest.Test(t, func(t *testing.T) {
			network, tcp := simnet.New(simnet.Options{}), new(streams)
			linesA, linesB := tcpPair(t, "tls-client", "tls-server")
			b := startOver(t, network, tcp, addrB, append(linesB, "remote "+remote)...)
			synctest.Wait()
			a := startOver(t, network, tcp, addrA, linesA...)
			time.Sleep(30 * time.Second)
			if up := a.Peer() != nil && b.Peer() != nil; up != (remote == "192.0.2.1") {
				t.Errorf("remote %s: up is %v", remote, up)
			}
			a.stop()
			b.stop()
		})
	}
}

// TestHalfOpen: a host whose other end takes nothing and says nothing notices by
// its own clock, however much waits to be sent.
func TestHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, tcp := simnet.New(simnet.Options{}), new(streams)
		there := tcp.listen(addrB)
		a := startOver(t, network, tcp, addrA, static, ifconfigA, "proto tcp-client", "remote 192.0.2.2", "ping 1", "ping-exit 20")
		go func() {
			for n := range uint32(200) {
				a.nic.Inject(ipv4(n))
			}
		}()
		began := time.Now()
		err := <-a.done
		ended := of[event.Ended](a)
		if err != nil || time.Since(began) > 30*time.Second || len(ended) != 1 || !ended[0].Asked || !errors.Is(ended[0].Err, session.ErrPingExit) {
			t.Errorf("after %v: %v, %+v", time.Since(began), err, ended)
		}
		there.Close()
		time.Sleep(time.Minute) // for the last words, which nobody takes
	})
}
