package p2p

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access/pki"
	"culvert/config"
	"culvert/host/bringup"
	"culvert/internal/buf"
	"culvert/internal/simnet"
	"culvert/link"
	"culvert/nic/nictest"
	"culvert/role/event"
	"culvert/session/wire"
)

var (
	quiet = slog.New(slog.DiscardHandler)
	addrA = netip.MustParseAddrPort("192.0.2.1:1194")
	addrB = netip.MustParseAddrPort("192.0.2.2:1194")
)

// running is a host at work on a simulated network.
type running struct {
	*Host
	nic      *nictest.Pipe
	link     *simnet.Endpoint
	reported reported
	ran      ran
	stop     func()
	done     chan error // Run's error
}

// reported keeps what a host reports.
type reported struct {
	mu     sync.Mutex
	events []Event
}

func (r *reported) add(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// of are the events of one kind so far.
func of[E Event](r *running) (list []E) {
	r.reported.mu.Lock()
	defer r.reported.mu.Unlock()
	for _, e := range r.reported.events {
		if e, ok := e.(E); ok {
			list = append(list, e)
		}
	}
	return list
}

// start runs a host with a configuration of lines.
func start(t *testing.T, n *simnet.Network, at netip.AddrPort, lines ...string) *running {
	t.Helper()
	return startOver(t, n, nil, at, lines...)
}

// startOver is start with TCP, too.
func startOver(t *testing.T, n *simnet.Network, tcp *streams, at netip.AddrPort, lines ...string) *running {
	t.Helper()
	return startWith(t, n, tcp, at, func(*Options) {}, lines...)
}

// startWith is startOver with other options.
func startWith(t *testing.T, n *simnet.Network, tcp *streams, at netip.AddrPort, more func(*Options), lines ...string) *running {
	t.Helper()
	text := strings.Join(append(lines, "dev tun", ""), "\n")
	if !strings.Contains("\n"+text, "\nping") {
		text += "keepalive 2 8\n"
	}
	c, err := config.ParseFile("test.conf", []byte(text), os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	r := &running{nic: nictest.New("tun0", 1500), done: make(chan error, 1)}
	open := func(context.Context, bringup.State) (*bringup.Adapter, error) {
		return &bringup.Adapter{NIC: r.nic}, nil
	}
	o := Options{
		Log:       quiet,
		Events:    r.reported.add,
		Open:      bringup.Hooks{Programs: &r.ran, UpRestart: c.Hooks.UpRestart}.Opener(open),
		Programs:  &r.ran,
		Listen:    func(link.Options) (l link.Link, err error) { r.link, err = n.Listen(at); return r.link, err },
		ListenTCP: func(link.Options) (Listener, error) { return tcp.listen(at), nil },
		Dial: func(_ context.Context, _ link.Options, to netip.AddrPort) (net.Conn, error) {
			return tcp.dial(at.Addr(), to)
		},
		Resolve: func(_ context.Context, _, host string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr(host)}, nil
		},
	}
	more(&o)
	h, err := New(c, o)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = h
	ctx, cancel := context.WithCancel(context.Background())
	go func() { r.done <- h.Run(ctx) }()
	r.stop = func() {
		cancel()
		if err := <-r.done; err != nil {
			t.Error(err)
		}
	}
	return r
}

// identity is a self-signed certificate as configuration blocks, and the line
// by which the other host knows it.
func identity(t *testing.T) (blocks, known string) {
	t.Helper()
	id, err := pki.SelfSigned(rand.Reader, time.Now(), "test")
	if err != nil {
		t.Fatal(err)
	}
	certs, err := pki.ParseCertificates(id.CertPEM)
	if err != nil {
		t.Fatal(err)
	}
	blocks = fmt.Sprintf("<cert>\n%s</cert>\n<key>\n%s</key>", id.CertPEM, id.KeyPEM)
	return blocks, fmt.Sprintf("peer-fingerprint %x", sha256.Sum256(certs[0].Raw))
}

// ipv4 is a packet with a number in it.
func ipv4(n uint32) []byte {
	p := make([]byte, 40)
	p[0] = 0x45
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	copy(p[12:], []byte{10, 9, 0, 1})
	copy(p[16:], []byte{10, 9, 0, 2})
	binary.BigEndian.PutUint32(p[20:], n)
	return p
}

// pass sends packets until one comes out at the other end.
func pass(t *testing.T, from, to *running, n uint32) {
	t.Helper()
	got := make(chan []byte, 1)
	go func() {
		p, _ := to.nic.Received()
		got <- p
	}()
	for range 600 {
		from.nic.Inject(ipv4(n))
		select {
		case p := <-got:
			if string(p) != string(ipv4(n)) {
				t.Fatalf("came out as %x", p)
			}
			time.Sleep(time.Second)
			synctest.Wait()
			to.nic.Drain()
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
	t.Fatal("nothing came through in two minutes")
}

const ifconfigA, ifconfigB = "ifconfig 10.9.0.1 10.9.0.2", "ifconfig 10.9.0.2 10.9.0.1"

// static are the lines of a static key.
var static = "allow-deprecated-insecure-static-crypto\ncipher AES-256-CBC\nauth SHA256\n<secret>\n-----BEGIN OpenVPN Static key V1-----\n" +
	strings.Repeat("00112233445566778899aabbccddeeff\n", 16) + "-----END OpenVPN Static key V1-----\n</secret>"

func TestHosts(t *testing.T) {
	for name, lines := range map[string]func(t *testing.T) (a, b []string){
		"client calls": func(t *testing.T) (a, b []string) {
			idA, knownA := identity(t)
			idB, knownB := identity(t)
			return []string{"tls-client", idA, knownB, ifconfigA, "remote 192.0.2.2"}, []string{"tls-server", idB, knownA, ifconfigB}
		},
		"server calls": func(t *testing.T) (a, b []string) {
			idA, knownA := identity(t)
			idB, knownB := identity(t)
			return []string{"tls-server", idA, knownB, ifconfigA, "remote 192.0.2.2"}, []string{"tls-client", idB, knownA, ifconfigB}
		},
		"both call": func(t *testing.T) (a, b []string) {
			idA, knownA := identity(t)
			idB, knownB := identity(t)
			return []string{"tls-server", idA, knownB, ifconfigA, "remote 192.0.2.2"}, []string{"tls-client", idB, knownA, ifconfigB, "remote 192.0.2.1"}
		},
		"static key": func(*testing.T) (a, b []string) {
			return []string{static, ifconfigA, "remote 192.0.2.2"}, []string{static, ifconfigB}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := simnet.New(simnet.Options{Delay: 10 * time.Millisecond, Loss: 0.05})
				linesA, linesB := lines(t)
				comeAndGo(t, func(at netip.AddrPort, lines []string) *running { return start(t, network, at, lines...) }, linesA, linesB)
			})
		})
	}
}

// comeAndGo has packets pass between two hosts, of which one begins anew, and
// later the other.
func comeAndGo(t *testing.T, start func(netip.AddrPort, []string) *running, linesA, linesB []string) {
	t.Helper()
	a, b := start(addrA, linesA), start(addrB, linesB)
	pass(t, a, b, 1)
	pass(t, b, a, 2)
	if s := string(a.Status()); strings.Contains(s, "read bytes,0\n") || strings.Contains(s, "write bytes,0\n") {
		t.Errorf("the status after traffic both ways:\n%s", s)
	}
	up := of[event.Up](a)
	if len(up) == 0 || up[0].Adapter != "tun0" || up[0].IPv4.String() != "10.9.0.1" || up[0].Remote.Addr.Addr() != addrB.Addr() || len(of[event.Secured](a)) == 0 {
		t.Errorf("reported %+v", up)
	}
	a.stop()
	if e := a.reported.events; e[len(e)-2] != (event.Ended{}) || e[len(e)-1] != (event.AdapterClosed{Adapter: "tun0"}) {
		t.Errorf("the end is %v", e[len(e)-2:])
	}
	a = start(addrA, linesA)
	pass(t, a, b, 3)
	b.stop()
	b = start(addrB, linesB)
	pass(t, b, a, 4)
	pass(t, a, b, 5)
	a.stop()
	b.stop()
}

// TestStranger lets nobody in whose certificate is another, and leaves the
// connection there is alone.
func TestStranger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := simnet.New(simnet.Options{Delay: 10 * time.Millisecond})
		idA, knownA := identity(t)
		idB, knownB := identity(t)
		idC, _ := identity(t)
		b := start(t, network, addrB, "tls-server", idB, knownA)
		a := start(t, network, addrA, "tls-client", idA, knownB, "remote 192.0.2.2")
		pass(t, a, b, 1)
		peer := b.Peer()
		c := start(t, network, netip.MustParseAddrPort("192.0.2.3:1194"), "tls-client", idC, knownB, "remote 192.0.2.2")
		time.Sleep(2 * time.Minute)
		if c.Peer() != nil {
			t.Error("the stranger took the connection")
		}
		if b.Peer() != peer {
			t.Error("the connection was lost")
		}
		pass(t, a, b, 2)
		for _, r := range []*running{a, b, c} {
			r.stop()
		}
	})
}

// TestTLSVerify: the program has the last word on the other host's
// certificate, whichever of the two it is.
func TestTLSVerify(t *testing.T) {
	for _, program := range []string{"true", "false"} {
		for _, role := range []string{"tls-client", "tls-server"} {
			t.Run(program+" on "+role, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { tlsVerify(t, program, role) })
			})
		}
	}
}

func tlsVerify(t *testing.T, program, role string) {
	network := simnet.New(simnet.Options{Delay: 10 * time.Millisecond})
	idA, knownA := identity(t)
	idB, knownB := identity(t)
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string][]string{role: {"script-security 2", "tls-verify " + path}}
	b := start(t, network, addrB, append(lines["tls-server"], "tls-server", idB, knownA)...)
	a := start(t, network, addrA, append(lines["tls-client"], "tls-client", idA, knownB, "remote 192.0.2.2")...)
	time.Sleep(30 * time.Second)
	if up := a.Peer() != nil && b.Peer() != nil; up != (program == "true") {
		t.Errorf("connected: %v", up)
	}
	a.stop()
	b.stop()
}

// TestResetsAreNotAmplified: what answers a reset is many times as long, and
// goes to whoever is named as its sender.
func TestResetsAreNotAmplified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := simnet.New(simnet.Options{Delay: time.Millisecond})
		id, known := identity(t)
		b := start(t, network, addrB, "tls-client", id, known)
		synctest.Wait()
		stranger, err := network.Listen(netip.MustParseAddrPort("192.0.2.3:1194"))
		if err != nil {
			t.Fatal(err)
		}
		for n := range byte(100) {
			c := wire.Control{Op: wire.PControlHardResetServerV2, Session: wire.SessionID{1, n}}
			p := buf.New(buf.DefaultSize)
			p.Set(c.AppendBody(c.AppendHeader(nil)))
			p.Path.Remote = addrB
			if _, err := stranger.WriteBatch([]*buf.Packet{p}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		heard := 0
		go func() {
			batch := buf.NewBatch(1, buf.DefaultSize)
			for {
				n, err := stranger.ReadBatch(batch)
				if err != nil {
					return
				}
				heard += n
			}
		}()
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		if heard == 0 || heard > 10 {
			t.Errorf("%d packets answer 100 resets", heard)
		}
		stranger.Close()
		b.stop()
	})
}
