//go:build interop

package interop

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

func replaceAll(s string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(s) }

// fourSockets are a server's lines for each transport and family.
var fourSockets = []string{"local 0.0.0.0 1194 udp4", "local :: 1194 udp6", "local 0.0.0.0 1194 tcp4", "local :: 1194 tcp6",
	"client-to-client", "duplicate-cn"}

// TestFourSockets: a client on each of a server's sockets, and all ping one
// another.
func TestFourSockets(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := l.host("s")
	var clients []*netns
	var wires []wire
	for i := range 4 {
		c := l.host(fmt.Sprint("c", i))
		clients = append(clients, c)
		wires = append(wires, l.join(c, s))
	}
	server := s.run(ours, s.serverConfig(serverParty(t, plain, fourSockets...))).up()
	var inside []netip.Addr
	for i, c := range clients {
		how := plain
		how.outerIPv6, how.tcp = i%2 == 1, i >= 2
		impl := []implementation{stock, ours, ours, stock}[i]
		c.run(impl, c.clientConfig(clientParty(t, how), how.outer(wires[i].b4, wires[i].b6))).up()
		v4, v6 := c.device(tunDevice)
		inside = append(inside, v4.prefix.Addr(), v6.prefix.Addr())
	}
	for i, c := range clients {
		c.ping(serverIPv4)
		for j, a := range inside {
			if j/2 > i {
				c.ping(a)
			}
		}
	}
	joined := regexp.MustCompile(`client connected`)
	server.expect(joined, 4, patience)
	if got := server.count(joined); got != 4 {
		t.Errorf("%d clients connected", got)
	}
}

// TestUDPAndTCP: stock clients on UDP and TCP of one server process.
func TestUDPAndTCP(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s, a, b := l.host("s"), l.host("a"), l.host("b")
	wa, wb := l.join(a, s), l.join(b, s)
	s.run(ours, s.serverConfig(serverParty(t, plain, "local * 1194 udp", "local * 1194 tcp", "duplicate-cn", "client-to-client"))).up()
	tcp := plain
	tcp.tcp = true
	a.run(stock, a.clientConfig(clientParty(t, plain), wa.b4)).up()
	b.run(stock, b.clientConfig(clientParty(t, tcp), wb.b4)).up()
	va, _ := a.device(tunDevice)
	vb, _ := b.device(tunDevice)
	a.ping(vb.prefix.Addr())
	b.ping(va.prefix.Addr())
	transfer(t, a, b, vb.prefix.Addr(), 8<<20)
	transfer(t, b, a, va.prefix.Addr(), 8<<20)
}

// TestPortShare: on one TCP port, a browser gets a web page and an OpenVPN
// client its tunnel.
func TestPortShare(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, s := l.host("c"), l.host("s")
	w := l.join(c, s)
	tcp := plain
	tcp.tcp = true
	s.helper("serve", "127.0.0.1:80").listenAddress()
	server := s.run(ours, s.serverConfig(serverParty(t, tcp, "port-share 127.0.0.1 80 "+s.dir))).up()
	for range 3 {
		if got, err := c.fetch("http://" + netip.AddrPortFrom(w.b4, 1194).String()); err != nil || !strings.HasPrefix(got, "127.0.0.1:") {
			t.Errorf("fetched %q, %v", got, err)
		}
	}
	p := c.run(stock, c.clientConfig(clientParty(t, tcp), w.b4)).up()
	c.ping(serverIPv4)
	if n := p.count(regexp.MustCompile(`(?i)reset`)) + server.count(regexp.MustCompile(`opened no session`)); n != 0 {
		t.Errorf("%d lines speak of failure", n)
	}
}

// TestForeignOnTCP: what takes the TCP port for a web server's is named in the
// log, and harms nobody.
func TestForeignOnTCP(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, s := l.host("c"), l.host("s")
	w := l.join(c, s)
	tcp := plain
	tcp.tcp = true
	server := s.run(ours, s.serverConfig(serverParty(t, tcp))).up()
	if got, err := c.fetch("http://" + netip.AddrPortFrom(w.b4, 1194).String()); err == nil {
		t.Errorf("a web page came: %q", got)
	}
	server.expect(regexp.MustCompile(`not OpenVPN \(packet length 18245\): an HTTP request`), 1, patience)
	c.run(stock, c.clientConfig(clientParty(t, tcp), w.b4)).up()
	c.ping(serverIPv4)
}

// idle opens connections that say nothing, reports, and keeps them.
func idle(to string, n int) error {
	var all []net.Conn
	for range n {
		c, err := net.DialTimeout("tcp", to, 10*time.Second)
		if err != nil {
			return err
		}
		all = append(all, c)
	}
	fmt.Println("idle", len(all))
	_, err := os.Stdin.Read(make([]byte, 1))
	return err
}

// TestIdleConnections: a thousand connections that never speak do not keep a
// client out, nor cost much.
func TestIdleConnections(t *testing.T) {
	l := newLab(t)
	c, s := l.host("c"), l.host("s")
	w := l.join(c, s)
	tcp := plain
	tcp.tcp = true
	server := s.run(ours, s.serverConfig(serverParty(t, tcp))).up()
	profile := c.clientConfig(clientParty(t, tcp), w.b4)
	getIn := func() {
		p := c.run(stock, profile).up()
		c.ping(serverIPv4)
		p.kill()
	}
	getIn()
	memory := residentKB(t, server)
	c.helper("idle", netip.AddrPortFrom(w.b4, 1194).String(), "1000").expect(regexp.MustCompile(`^idle 1000`), 1, patience)
	getIn()
	grown := residentKB(t, server) - memory
	t.Logf("%d KiB more with 1000 idle connections", grown)
	if grown > 64<<10 {
		t.Errorf("a thousand idle connections cost %d KiB", grown)
	}
}

// residentKB is the memory of what runs on the host under `ip netns exec`,
// which replaces itself.
func residentKB(t *testing.T, p *process) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		t.Fatalf("no VmRSS in %s", status)
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n
}
