//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// packets are the lines of a capture that are about packets.
func packets(capture *process) (lines []string) {
	for line := range strings.Lines(capture.log()) {
		if strings.Contains(line, " > ") {
			lines = append(lines, line)
		}
	}
	return lines
}

// nothing wants a capture that saw no packet.
func nothing(t *testing.T, capture *process, what string) {
	t.Helper()
	time.Sleep(300 * time.Millisecond) // what it saw, it has written by then
	if lines := packets(capture); len(lines) > 0 {
		t.Errorf("%s: %d packets, such as:\n%s", what, len(lines), strings.Join(lines[:min(len(lines), 10)], ""))
	}
}

// Guests of a client's host are on a bridge, as containers are.
var (
	guestBridge = netip.MustParseAddr("172.17.0.1")
	guestIPv4   = []netip.Addr{netip.MustParseAddr("172.17.0.2"), netip.MustParseAddr("172.17.0.3")}
)

// containers have a host forward for its guests and translate their addresses, as Docker
// does.
const containers = `table ip guests {
	chain post { type nat hook postrouting priority srcnat
		ip saddr 172.17.0.0/16 oifname != "docker0" masquerade
	}
}
table ip6 guests {
	chain post { type nat hook postrouting priority srcnat
		ip6 saddr fd00:17::/64 oifname != "docker0" masquerade
	}
}
`

// withGuests gives the client's host two guests.
func (m *moving) withGuests() (guests []*netns) {
	c := m.client
	c.forward()
	c.nft(containers)
	c.ip("link", "add", "docker0", "type", "bridge")
	c.up("docker0", guestBridge, netip.MustParseAddr("fd00:17::1"))
	for i, at := range guestIPv4 {
		g, port := m.lab.host(fmt.Sprint("g", i)), fmt.Sprint("guest", i)
		mustRun(m.lab.t, "ip", "link", "add", "eth0", "netns", g.name, "type", "veth", "peer", "name", port, "netns", c.name)
		c.ip("link", "set", port, "master", "docker0", "up")
		g.up("eth0", at, netip.MustParseAddr(fmt.Sprint("fd00:17::", i+2)))
		g.defaultVia(guestBridge, netip.MustParseAddr("fd00:17::1"))
		guests = append(guests, g)
	}
	return guests
}

// TestKillSwitchForGuests: what a host forwards for containers goes through the tunnel, and
// none of it outside, also for connections that were there before: without a server, with
// one, after its death and after kill -9. Guests reach each other where their network is
// named.
func TestKillSwitchForGuests(t *testing.T) {
	t.Parallel()
	m := newMoving(t)
	guests := m.withGuests()
	g := guests[0]
	g.ping(worldDNS)
	g.ping(worldDNSv6)
	sink := m.world.helper("receive", worldDNS.String())
	g.helper("pace", sink.listenAddress())
	g.start("noise", "bash", "-c", fmt.Sprintf(noise, worldDNS, worldDNSv6, noisePort))

	config := m.client.clientConfig(clientParty(t, plain, "connect-retry 1 1", "block-outside persist 172.17.0.0/16"), movingAt[0])
	client := m.client.run(ours, config)
	client.expect(fenceUp, 1, patience)
	outside := m.client.leaving("eth0", notTheTunnel)
	time.Sleep(time.Second) // the noise tries, without a server
	server := m.world.run(stock, m.world.serverConfig(serverParty(t, plain, "local "+movingAt[0].String(), "keepalive 1 4", `push "redirect-gateway def1"`))).up()
	client.up()
	g.ping(serverIPv4)
	g.ping(guestIPv4[1])
	g.ping(guestBridge)
	server.kill()
	time.Sleep(time.Second)
	client.kill()
	time.Sleep(time.Second)
	nothing(t, outside, "of guests, outside")

	client = m.client.run(ours, config)
	client.expect(fenceUp, 1, patience)
	if err := client.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	g.ping(worldDNS)
	m.client.eventually("the capture sees what gets out", func() bool { return len(packets(outside)) > 0 })
}

// askingPorts are where names are asked: DNS, and DNS over TLS.
const askingPorts = "port 53 or port 853"

// TestNamesStayInside: with redirect-gateway and a pushed name server, programs that ask as
// the host says ask through the tunnel, wherever it asked before; with block-outside-dns
// or the kill switch, those that ask elsewhere on purpose, or by a resolver on the host with
// servers of its own, get an error at once. No question is seen on the uplink.
func TestNamesStayInside(t *testing.T) {
	t.Parallel()
	const inside = "inside.example"
	for name, c := range map[string]struct {
		pushed, line string
		before       netip.Addr // the host's name server
		forwards     bool       // it is on this host, and asks that of the LAN
		strict       bool       // also those that ask elsewhere
	}{
		"redirect-gateway":       {before: lanDNS},
		"block-outside-dns":      {before: lanDNS, pushed: `push "block-outside-dns"`, strict: true},
		"dnsmasq on this host":   {before: netip.MustParseAddr("127.0.0.1"), forwards: true, pushed: `push "block-outside-dns"`, strict: true},
		"a stub":                 {before: netip.MustParseAddr("127.0.0.53"), forwards: true, pushed: `push "block-outside-dns"`, strict: true},
		"kill switch":            {before: lanDNS, line: "block-outside", strict: true},
		"kill switch, forwarder": {before: netip.MustParseAddr("127.0.0.1"), forwards: true, line: "block-outside", strict: true},
		"a mark of its own":      {before: lanDNS, line: "mark 7", pushed: `push "block-outside-dns"`, strict: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMoving(t)
			m.client.setResolvConf(fmt.Sprintf("nameserver %v\noptions timeout:1 attempts:1\n", c.before))
			m.router.nameServer(lanDNS, "--host-record=outside.example,192.0.2.66")
			if c.forwards {
				m.client.nameServer(c.before, "--server="+lanDNS.String())
			}
			m.world.run(stock, m.world.serverConfig(serverParty(t, plain, "local "+movingAt[0].String(),
				`push "redirect-gateway def1"`, `push "dhcp-option DNS `+serverIPv4.String()+`"`, c.pushed))).up()
			if !m.client.answers("getent", "hosts", "outside.example") {
				t.Fatal("names cannot be asked before")
			}
			client := m.client.run(ours, m.client.clientConfig(clientParty(t, plain, c.line), movingAt[0])).up()
			m.world.nameServer(serverIPv4, "--host-record="+inside+",192.0.2.9")
			outside := m.client.leaving("eth0", askingPorts)
			if out, ok := m.client.asks("getent", "hosts", inside); !ok || !strings.Contains(out, "192.0.2.9") {
				t.Errorf("a name is not asked through the tunnel: %s", out)
			}
			if c.strict {
				m.client.asksElsewhere(t, c.forwards, c.before)
			}
			nothing(t, outside, "questions outside")
			if err := client.stop(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
			if !m.client.answers("getent", "hosts", "outside.example") {
				t.Error("names cannot be asked afterwards")
			}
			m.client.eventually("the capture sees what gets out", func() bool { return len(packets(outside)) > 0 })
		})
	}
}

// asksElsewhere has programs ask the LAN's name server, over each protocol, and one on this
// host that asks it; none gets an answer, or has to wait for that.
func (n *netns) asksElsewhere(t *testing.T, forwards bool, here netip.Addr) {
	t.Helper()
	began := time.Now()
	for _, port := range []int{53, 853} {
		if n.answers("bash", "-c", fmt.Sprintf("exec 3<>/dev/tcp/%v/%d", lanDNS, port)) {
			t.Errorf("TCP port %d can be reached outside", port)
		}
		if n.answers("bash", "-c", fmt.Sprintf("exec 3<>/dev/udp/%v/%d && echo x >&3 && sleep 0.1 && echo x >&3", lanDNS, port)) {
			t.Errorf("a datagram to port %d outside is not refused", port)
		}
	}
	if took := time.Since(began); took > patience {
		t.Errorf("to be refused takes %v", took)
	}
	if forwards {
		_, _ = n.asks("timeout", "2", "bash", "-c", fmt.Sprintf(`exec 3<>/dev/udp/%v/53; printf '\0\1\1\0\0\1\0\0\0\0\0\0\5other\7example\0\0\1\0\1' >&3; head -c 12 <&3`, here))
	}
}

// TestIPv6StaysInside: where the server has only IPv4, IPv6 of the host goes nowhere by a
// pushed block-ipv6 or the kill switch, and programs learn that at once.
func TestIPv6StaysInside(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ pushed, line, says string }{
		"block-ipv6":              {pushed: `push "block-ipv6"`, says: "unreachable|No route to host"},
		"kill switch":             {line: "block-outside", says: "Permission denied|Connection refused"},
		"kill switch, block-ipv6": {pushed: `push "block-ipv6"`, line: "block-outside", says: "unreachable|No route to host"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMoving(t)
			config := m.world.serverConfig(serverParty(t, plain, "local "+movingAt[0].String(), `push "redirect-gateway def1"`, c.pushed))
			text := strings.Replace(mustRead(t, config), "server-ipv6 "+innerIPv6.String()+"\n", "", 1)
			m.world.run(stock, m.world.file("server.conf", text)).up()
			m.client.ping(worldDNSv6)
			client := m.client.run(ours, m.client.clientConfig(clientParty(t, plain, c.line), movingAt[0])).up()
			outside := m.client.leaving("eth0", "ip6 and "+networkNeeds)
			began := time.Now()
			out, ok := m.client.asks("bash", "-c", fmt.Sprintf("exec 3<>/dev/tcp/%v/%d", worldDNSv6, noisePort))
			if took := time.Since(began); ok || !regexp.MustCompile(c.says).MatchString(out) || took > patience {
				t.Errorf("a connection by IPv6: after %v: %s", took, out)
			}
			_, _ = m.client.asks("bash", "-c", fmt.Sprintf("exec 3<>/dev/udp/%v/53; echo x >&3", worldDNSv6))
			if _, err := m.client.tryPing(worldDNSv6); err == nil {
				t.Error("the world answers by IPv6")
			}
			m.client.ping(serverIPv4)
			nothing(t, outside, "IPv6 outside")
			if err := client.stop(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
			m.client.ping(worldDNSv6)
			m.client.eventually("the capture sees what gets out", func() bool { return len(packets(outside)) > 0 })
		})
	}
}

// TestKillSwitchKeepsNetwork: closed, a host still renews its address by DHCP and finds its
// neighbours; and nothing gets out by an uplink that comes while it is closed.
func TestKillSwitchKeepsNetwork(t *testing.T) {
	t.Parallel()
	m := newMoving(t)
	m.router.leases("eth0", "198.18.0.100,198.18.0.120,2m")
	obtained := regexp.MustCompile(`lease of \S+ obtained`)
	dhcp := m.client.start("udhcpc", "udhcpc", "-f", "-i", "eth0", "-s", "/bin/true")
	dhcp.expect(obtained, 1, patience)
	address := regexp.MustCompile(`lease of (\S+) obtained`).FindStringSubmatch(dhcp.log())[1]
	m.client.ip("addr", "add", strings.TrimSuffix(address, ",")+"/24", "dev", "eth0")

	client := m.client.run(ours, m.client.clientConfig(clientParty(t, plain, "connect-retry 1 1", "block-outside persist"), movingAt[0]))
	client.expect(fenceUp, 1, patience)
	client.kill()
	if err := dhcp.cmd.Process.Signal(syscall.SIGUSR1); err != nil { // renew, from one host to another
		t.Fatal(err)
	}
	dhcp.expect(obtained, 2, patience)
	m.client.output("ndisc6", "-1", "fd00:e0::2", "eth0")

	m.lab.join(m.client, m.world) // eth2
	outside := m.client.leaving("eth2", networkNeeds)
	for _, to := range []string{"198.18.2.2", "fd00:e2::2"} {
		if _, err := m.client.tryPing(netip.MustParseAddr(to)); err == nil {
			t.Errorf("%s answers by another uplink", to)
		}
		_, _ = m.client.asks("bash", "-c", fmt.Sprintf("exec 3<>/dev/tcp/%s/%d", to, noisePort))
	}
	nothing(t, outside, "by another uplink")
	m.client.output(culvert(t), "cleanup", "--state-dir", filepath.Join(m.client.dir, "state"))
	m.client.ping(netip.MustParseAddr("198.18.2.2"))
	m.client.eventually("the capture sees what gets out", func() bool { return len(packets(outside)) > 0 })
}

// elsewhere is what other programs do to packets, such as for a way of their own: a mark
// that a rule leads by the uplink, and another destination.
const elsewhere = `table inet elsewhere {
	chain marking {
		type route hook output priority mangle
		ip daddr %[1]v meta mark set 5
		ip6 daddr %[2]v meta mark set 5
	}
	chain translating {
		type nat hook output priority -100
		ip daddr 192.0.2.1 tcp dport 80 redirect to :%[3]s
		ip daddr 192.0.2.2 dnat ip to 198.18.0.2
	}
}
`

// TestKillSwitchSeesTheWay: what counts is by which device a packet goes in the end, though
// rules of others, or of chosen traffic, send it another way than the routes. So none of
// those gets out, and what they lead to this host, or into the tunnel, works.
func TestKillSwitchSeesTheWay(t *testing.T) {
	t.Parallel()
	m := newMoving(t)
	sink := m.world.helper("receive", worldDNS.String())
	here := m.client.helper("receive", "127.0.0.1")
	_, herePort, _ := strings.Cut(here.listenAddress(), ":")
	m.client.ip("route", "add", "default", "via", "198.18.0.2", "table", "100")
	m.client.ip("-6", "route", "add", "default", "via", "fd00:e0::2", "table", "100")
	m.client.ip("rule", "add", "fwmark", "5", "table", "100")
	m.client.ip("-6", "rule", "add", "fwmark", "5", "table", "100")
	m.client.nft(fmt.Sprintf(elsewhere, worldDNS, worldDNSv6, herePort))
	m.client.ping(worldDNS)
	push := []string{`push "redirect-gateway def1"`, `push "route-ipv6 2000::/3"`}
	m.world.run(stock, m.world.serverConfig(serverParty(t, plain, append(push, "local "+movingAt[0].String())...))).up()

	client := m.client.run(ours, m.client.clientConfig(clientParty(t, plain, "block-outside"), movingAt[0])).up()
	outside := m.client.leaving("eth0", notTheTunnel)
	for _, to := range []netip.Addr{worldDNS, worldDNSv6, netip.MustParseAddr("192.0.2.2")} {
		if m.client.answers("ping", "-n", "-c", "1", "-W", "1", to.String()) {
			t.Errorf("%v answers outside", to)
		}
	}
	if out, ok := m.client.asks("bash", "-c", "exec 3<>/dev/tcp/192.0.2.1/80"); !ok {
		t.Errorf("what is redirected to this host is refused: %s", out)
	}
	nothing(t, outside, "by rules of others")
	if err := client.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	m.client.output("nft", "delete", "table", "inet", "elsewhere")

	client = m.client.run(ours, m.client.clientConfig(clientParty(t, plain, "block-outside", "route-only user nobody", "pull-filter ignore redirect-gateway"), movingAt[0])).up()
	connect := []string{"bash", "-c", "exec 3<>/dev/tcp/" + strings.Replace(sink.listenAddress(), ":", "/", 1)}
	if out, ok := m.client.asks(append(append([]string{}, asNobody...), connect...)...); !ok {
		t.Errorf("what is chosen is refused: %s", out)
	}
	if m.client.answers(connect...) {
		t.Error("what is not chosen gets out")
	}
	if err := client.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	m.client.ping(worldDNS)
	m.client.eventually("the capture sees what gets out", func() bool { return len(packets(outside)) > 0 })
	nothingBut := fmt.Sprintf("> %v: ICMP echo request", worldDNS)
	closed := fmt.Sprintf("> %v: ICMP 198.18.0.1 udp port", movingAt[0]) // what the server still sent to a client that has ended
	for _, line := range packets(outside) {
		if !strings.Contains(line, nothingBut) && !strings.Contains(line, closed) {
			t.Errorf("outside: %s", line)
		}
	}
}
