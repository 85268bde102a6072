package management

import (
	"bufio"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"culvert/config"
	"culvert/role/event"
)

// TestInTunnel: with `management tunnel PORT` the interface is at this end's address in the
// tunnel, from when it is known, and moves with it.
func TestInTunnel(t *testing.T) {
	i, err := Open(config.Management{Address: "tunnel", Port: "0"}, quiet(make(chan string, 8)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { i.Close(nil) })
	at := func() string {
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.listener == nil {
			return ""
		}
		return i.listener.Addr().String()
	}
	if at() != "" {
		t.Fatal("it listens before there is a tunnel")
	}
	i.Peer(event.Up{})
	if at() != "" {
		t.Fatal("it listens although this end has no address in the tunnel")
	}
	here, there := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	i.Serving(here, netip.Addr{}, netip.AddrPort{})
	first := at()
	greets(t, first)
	i.Peer(event.Up{IPv4: here})
	if at() != first {
		t.Errorf("it moved from %s to %s, while the address is the same", first, at())
	}
	if runtime.GOOS != "linux" {
		return // elsewhere the loopback adapter has one address
	}
	i.Peer(event.Up{IPv4: there})
	greets(t, at())
	if netip.MustParseAddrPort(at()).Addr() != there {
		t.Errorf("it is at %s, not at %v", at(), there)
	}
	if conn, err := net.Dial("tcp", first); err == nil {
		conn.Close()
		t.Errorf("it still listens at %s", first)
	}
}

// greets reads the banner at an address.
func greets(t *testing.T, address string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	if line, err := bufio.NewReader(conn).ReadString('\n'); line != banner()+"\r\n" {
		t.Errorf("%q, %v", line, err)
	}
}

// TestNoTunnel: as OpenVPN 2.6.14 answered before its tunnel was made.
func TestNoTunnel(t *testing.T) {
	_, d := open(t, config.Management{})
	for _, command := range []string{"status", "status 1", "status 2", "status 3"} {
		d.say(command)
		d.want("ERROR: The 'status' command is not supported by the current daemon mode")
	}
	d.say("load-stats")
	d.want("SUCCESS: nclients=0,bytesin=0,bytesout=0")
}
