//go:build interop

package interop

import (
	"encoding/hex"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// drops has packets dropped on a host, and finds one whose way there is as
// wanted, the reason at its end.
func (n *netns) drops(t *testing.T, filter, want string, do func()) {
	t.Helper()
	p := n.trace(filter)
	do()
	_, reason, _ := strings.Cut(want, "dropped: ")
	p.expect(regexp.MustCompile(regexp.QuoteMeta(`"dropped":"`+reason+`"`)), 1, patience)
	var ways []string
	for _, packet := range p.traced(1) {
		ways = append(ways, way(packet))
	}
	if !strings.Contains(strings.Join(ways, "\n")+"\n", want+"\n") {
		t.Errorf("the ways are %q, want %q among them", ways, want)
	}
}

// counts fails unless the status of a host's process has each of the words.
func (n *netns) counts(t *testing.T, words ...string) {
	t.Helper()
	status := n.output(n.command("status")...)
	for _, want := range words {
		if !strings.Contains(status, want) {
			t.Errorf("status has no %q:\n%s", want, status)
		}
	}
}

// TestTraceReasons: the last stop of a dropped packet names the reason.
func TestTraceReasons(t *testing.T) {
	t.Parallel()
	tun := connect(t, pairing{ours, ours}, serverParty(t, plain), clientParty(t, plain))
	packets := filepath.Join(tun.client.dir, "sent.pcapng")
	for name, c := range map[string]struct {
		filter, want string
		do           func()
	}{
		"spoofed source": {"icmp and src 10.99.0.1", "link queue open route dropped: bad source address", func() {
			tun.client.ip("addr", "add", "10.99.0.1/32", "dev", tunDevice)
			tun.client.try("ping", "-n", "-c", "1", "-W", "1", "-I", "10.99.0.1", serverIPv4.String())
		}},
		"no route": {"dst 10.8.0.77", "adapter queue route dropped: no route", func() {
			tun.server.try("ping", "-n", "-c", "1", "-W", "1", "10.8.0.77")
		}},
		"replay": {"", "link queue open dropped: replayed", func() {
			p := tun.client.capture("link", packets, "src "+tun.clientOuter().String())
			tun.client.ping(serverIPv4)
			p.captured(t)
			again := tshark(t, packets, "-T", "fields", "-e", "udp.payload", "-Y", "openvpn.opcode == 0x09")
			datagram := tun.client.file("again", string(must(hex.DecodeString(firstLine(again)))))
			tun.client.output("bash", "-c", fmt.Sprintf("cat %s >/dev/udp/%v/1194", datagram, tun.remote)) // by one write
		}},
	} {
		t.Run(name, func(t *testing.T) { tun.server.drops(t, c.filter, c.want, c.do) })
	}
	tun.server.counts(t, "server on tun0, up ", "peers: 1;", "\ninterop-client ", "  "+tun.clientOuter().String(), "  bad source address: ", "  no route: ", "  replayed: ")
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// TestTraceMTU: with `mtu-disc yes`, what a device of the path is too small for
// is named by a server, over either protocol, at the socket or, where the path is
// measured by then, before it; and senders at both ends hear what fits, a client's by its
// adapter's MTU where that has followed by then. Without it, the packet is cut and arrives.
func TestTraceMTU(t *testing.T) {
	t.Parallel()
	const large = 1300 // carries the packet inside, but not outside
	for _, outer := range []string{"IPv4", "IPv6"} {
		c := plain
		c.outerIPv6 = outer == "IPv6"
		t.Run(outer, func(t *testing.T) {
			tun := connect(t, pairing{ours, ours}, serverParty(t, c, "mtu-disc yes"), clientParty(t, c, "mtu-disc yes"))
			tun.client.pingSize(serverIPv4, large)
			tun.client.ip("link", "set", "eth0", "mtu", "1280")
			tun.server.ip("link", "set", "eth0", "mtu", "1280")
			ping := []string{"ping", "-n", "-c", "1", "-W", "1", "-M", "do", "-s", fmt.Sprint(large)}
			toServer, toClient := append(ping[:len(ping):len(ping)], serverIPv4.String()), append(ping[:len(ping):len(ping)], tun.clientIPv4.prefix.Addr().String())
			tun.server.drops(t, "icmp", "dropped: larger than the MTU", func() { tun.server.try(toClient...) })
			tun.server.counts(t, "  larger than the MTU: ")
			for n, argv := range map[*netns][]string{tun.client: toServer, tun.server: toClient} {
				n.eventually("the host knows what fits", func() bool {
					full := n.exec(argv)
					out, _ := exec.Command(full[0], full[1:]...).CombinedOutput()
					return strings.Contains(string(out), "essage too long")
				})
			}
			tun.client.ping(serverIPv4)
		})
		t.Run(outer+"/cut", func(t *testing.T) {
			tun := connect(t, pairing{ours, ours}, serverParty(t, c, "mtu-disc maybe"), clientParty(t, c))
			tun.client.ip("link", "set", "eth0", "mtu", "1280")
			tun.server.ip("link", "set", "eth0", "mtu", "1280")
			tun.client.pingSize(serverIPv4, large)
			if status := tun.server.output(tun.server.command("status")...); strings.Contains(status, "MTU") {
				t.Errorf("dropped:\n%s", status)
			}
		})
	}
}

// TestTraceFirewall: a rule of the host that keeps the tunnel's packets in is
// named, and once it is gone the tunnel goes on.
func TestTraceFirewall(t *testing.T) {
	t.Parallel()
	tun := connect(t, pairing{ours, ours}, serverParty(t, plain), clientParty(t, plain))
	for _, verdict := range []string{"drop", "reject"} {
		t.Run(verdict, func(t *testing.T) {
			tun.server.nft("table inet wall { chain out { type filter hook output priority 0; udp sport 1194 " + verdict + "\n}\n}\n")
			tun.server.drops(t, "icmp and dst "+tun.clientIPv4.prefix.Addr().String(), "adapter queue route seal link dropped: refused by a firewall rule of this host", func() {
				tun.server.try("ping", "-n", "-c", "1", "-W", "1", tun.clientIPv4.prefix.Addr().String())
			})
			tun.server.output("nft", "delete", "table", "inet", "wall")
			tun.client.ping(serverIPv4)
		})
	}
	tun.server.counts(t, "refused by a firewall rule of this host: ")
}

// TestTraceStations: on Ethernet, a frame under an address that is another's,
// and one for a station that is nobody's. While there is a client, that may be
// behind it, and the frame is sent there, as a switch does.
func TestTraceStations(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, s := l.host("c"), l.host("s")
	w := l.join(c, s)
	server := s.run(ours, s.tapServer("server 10.8.0.0 255.255.255.0")).up()
	client := c.run(stock, c.tapClient(keys(t).client, w.b4, "explicit-exit-notify 1")).up()
	c.ping(serverIPv4)
	s.ip("neigh", "replace", "10.8.0.77", "lladdr", "02:00:00:00:00:77", "dev", tapDevice, "nud", "permanent")
	toNobody := func() { s.try("ping", "-n", "-c", "1", "-W", "1", "10.8.0.77") }

	p := s.trace("icmp and dst 10.8.0.77")
	toNobody()
	if got := p.traced(1); way(got[0]) != wayOut {
		t.Errorf("with a client, the way is %s", way(got[0]))
	}
	own := regexp.MustCompile(`link/ether (\S+)`).FindStringSubmatch(s.ip("link", "show", tapDevice))[1]
	s.drops(t, "ether src "+own, "link queue open route dropped: spoofed MAC", func() {
		c.ip("link", "set", tapDevice, "address", own)
		c.try("ping", "-n", "-c", "1", "-W", "1", serverIPv4.String())
	})
	client.stop(syscall.SIGTERM)
	server.expect(regexp.MustCompile(`client left`), 1, patience)
	s.drops(t, "icmp and dst 10.8.0.77", "adapter queue route dropped: unknown MAC", toNobody)
	s.counts(t, "  spoofed MAC: ", "  unknown MAC: ")
}
