//go:build interop

package interop

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"culvert/operate/backend"
	"culvert/operate/manage"
	"culvert/operate/manage/trace"
)

var (
	following = regexp.MustCompile(`^following packets of `)
	capturing = regexp.MustCompile(`^capturing at `)
)

// command is a subcommand of ours for the process that runs on a host.
func (n *netns) command(name string, args ...string) []string {
	return append([]string{culvert(n.t), name, "--state-dir", filepath.Join(n.dir, "state")}, args...)
}

// trace follows packets on a host, from when it returns on.
func (n *netns) trace(args ...string) *process {
	n.t.Helper()
	p := n.start("trace", n.command("trace", append(args, "--json")...)...)
	p.expect(following, 1, patience)
	return p
}

// traced are the packets that a trace told of until it is stopped, which has
// count of them at least.
func (p *process) traced(count int) (packets []trace.Packet) {
	p.t.Helper()
	p.expect(regexp.MustCompile(`^{"packet"`), count, patience)
	if err := p.stop(syscall.SIGINT); err != nil {
		p.t.Errorf("exit status of trace: %v", err)
	}
	for _, line := range strings.Split(p.log(), "\n") {
		if !strings.HasPrefix(line, "{") {
			continue
		}
		var one trace.Packet
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			p.t.Fatalf("%s: %v", line, err)
		}
		packets = append(packets, one)
	}
	return packets
}

// way is a packet's stops in one line.
func way(p trace.Packet) string {
	var stops []string
	for _, s := range p.Stops {
		stops = append(stops, s.At)
	}
	if p.Dropped != "" {
		stops = append(stops, "dropped: "+p.Dropped)
	}
	return strings.Join(stops, " ")
}

const (
	wayIn  = "link queue open route adapter"
	wayOut = "adapter queue route seal link"
)

// TestTraceStops: a ping and its answer come by every stop, at either end.
func TestTraceStops(t *testing.T) {
	t.Parallel()
	tun := connect(t, pairing{ours, ours}, serverParty(t, plain), clientParty(t, plain))
	near, far := tun.client.trace("icmp"), tun.server.trace("icmp and host 10.8.0.1")
	tun.client.pingOnce(serverIPv4)
	tun.client.ping(serverIPv6) // the filter is not for this
	for _, c := range []struct {
		at    *process
		first string
		next  string
	}{{near, wayOut, wayIn}, {far, wayIn, wayOut}} {
		got := c.at.traced(2)
		if len(got) != 2 || way(got[0]) != c.first || way(got[1]) != c.next {
			t.Errorf("the ways are %v", got)
			continue
		}
		request := fmt.Sprintf("%v → %v ICMP EchoRequest", tun.clientIPv4.prefix.Addr(), serverIPv4)
		if got[0].Summary != request || !strings.HasSuffix(got[1].Summary, "ICMP EchoReply") {
			t.Errorf("it was %q and %q", got[0].Summary, got[1].Summary)
		}
		for _, p := range got {
			for i, s := range p.Stops {
				if s.Decision == "" || s.Bytes < 84 || i > 0 && s.Micros < p.Stops[i-1].Micros {
					t.Errorf("stop %+v", s)
				}
			}
		}
	}
}

// clientOuter is the client's address outside.
func (tun *tunnel) clientOuter() netip.Addr { return tun.remote.Prev() }

// try runs a program on the host that may fail.
func (n *netns) try(argv ...string) {
	argv = n.exec(argv)
	exec.Command(argv[0], argv[1:]...).Run()
}

// capture writes a file on a host, from when it returns on.
func (n *netns) capture(at, file string, filter ...string) *process {
	n.t.Helper()
	p := n.start("capture", n.command("capture", append([]string{"--at", at, "-o", file}, filter...)...)...)
	p.expect(capturing, 1, patience)
	return p
}

var capturedPackets = regexp.MustCompile(`^[1-9][0-9]* packets$`)

// captured ends a capture.
func (p *process) captured(t *testing.T) {
	t.Helper()
	if err := p.stop(syscall.SIGINT); err != nil || p.count(capturedPackets) != 1 {
		t.Errorf("capture: %v, it said:\n%s", err, p.log())
	}
}

// tshark reads a file, and finds nothing wrong with it.
func tshark(t *testing.T, file string, args ...string) string {
	t.Helper()
	run := func(args ...string) string {
		cmd := exec.Command("tshark", append([]string{"-n", "-r", file}, args...)...)
		var errs strings.Builder
		cmd.Stderr = &errs
		out, err := cmd.Output()
		said := strings.TrimSpace(strings.ReplaceAll(errs.String(), `Running as user "root" and group "root". This could be dangerous.`, ""))
		if err != nil || said != "" {
			t.Errorf("tshark %q: %v: %s", args, err, said)
		}
		return string(out)
	}
	if bad := run("-Y", "_ws.malformed || _ws.expert.severity == error || ip.checksum.status == bad || udp.checksum.status == bad || tcp.checksum.status == bad",
		"-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"); bad != "" {
		t.Errorf("%s: not well-formed:\n%s", file, bad)
	}
	return run(args...)
}

// TestCapture: Wireshark's own reader knows what is in the files: the ping
// inside, and outside OpenVPN from its handshake on, over UDP and TCP.
func TestCapture(t *testing.T) {
	t.Parallel()
	for _, tcp := range []bool{false, true} {
		c := plain
		c.armour, c.tcp = "none", tcp // what tls-auth adds, Wireshark has to be told
		t.Run(c.proto(), func(t *testing.T) {
			l := newLab(t)
			client, server := l.host("c"), l.host("s")
			w := l.join(client, server)
			server.run(ours, server.serverConfig(serverParty(t, c))).up()
			inside, outside := filepath.Join(server.dir, "nic.pcapng"), filepath.Join(server.dir, "link.pcapng")
			nic, link := server.capture("nic", inside, "icmp"), server.capture("link", outside)
			client.run(stock, client.clientConfig(clientParty(t, c), w.b4)).up()
			client.pingOnce(serverIPv4)
			server.try("ping", "-n", "-c", "1", "-W", "1", "10.8.0.77")
			nic.captured(t)
			link.captured(t)

			in := tshark(t, inside, "-T", "fields", "-e", "frame.interface_name", "-e", "ip.src", "-e", "icmp.type", "-e", "frame.comment", "-e", "frame.packet_flags_direction")
			if want := "tun0\t10.8.0.2\t8\tfrom interop-client\t0x00000001\ntun0\t10.8.0.1\t0\tto interop-client\t0x00000002\ntun0\t10.8.0.1\t8\tdropped at route: no route\t0x00000002\n"; in != want {
				t.Errorf("at the adapter:\n%swant\n%s", in, want)
			}
			out := tshark(t, outside, "-T", "fields", "-e", "frame.interface_name", "-e", "ip.src", "-e", "ip.dst", "-e", "openvpn.opcode", "-e", "frame.comment", "-d", "tcp.port==1194,openvpn")
			for _, want := range []string{
				fmt.Sprintf("link\t%v\t%v\t0x07", w.a4, w.b4), // P_CONTROL_HARD_RESET_CLIENT_V2
				fmt.Sprintf("link\t%v\t%v\t0x08", w.b4, w.a4), // its answer
				fmt.Sprintf("link\t%v\t%v\t0x04", w.a4, w.b4), // P_CONTROL_V1
				fmt.Sprintf("link\t%v\t%v\t0x09\tfrom interop-client\n", w.a4, w.b4),
				fmt.Sprintf("link\t%v\t%v\t0x09\tto interop-client\n", w.b4, w.a4),
			} {
				if !strings.Contains(out, want) {
					t.Errorf("at the link there is no %q:\n%s", want, out)
				}
			}
		})
	}
}

// TestEyesWithoutRights: a process that gave its rights up is still found, and
// what it leaves behind is in nobody's way.
func TestEyesWithoutRights(t *testing.T) {
	t.Parallel()
	in := newRedirected(t)
	p := in.asNobody(t)
	watch := in.client.trace("tcp port 80", "--count", "3")
	in.fetchFrom(t, in.webWire.b4, innerClient(in))
	if err := watch.wait(patience); err != nil || watch.count(regexp.MustCompile(`^{"packet"`)) != 3 {
		t.Errorf("trace: %v:\n%s", err, watch.log())
	}
	if err := p.stop(syscall.SIGTERM); err != nil {
		t.Errorf("exit status: %v", err)
	}
	c, err := manage.Dial(filepath.Join(in.client.dir, "state"), "", "")
	if err == nil {
		t.Errorf("%s is found after its end", c.Name())
	}
	in.asNobody(t)
	var s backend.Status
	if err := json.Unmarshal([]byte(in.client.output(in.client.command("status", "client-tun0", "--json")...)), &s); err != nil || s.Role != "client" || len(s.Peers) != 1 {
		t.Errorf("status %+v, %v", s, err)
	}
}

// TestTwoOfAName: the second goes on without its local interface, and with a
// name of its own it has one.
func TestTwoOfAName(t *testing.T) {
	t.Parallel()
	n := newLab(t).host("s")
	state := filepath.Join(n.dir, "state")
	first := n.run(ours, n.serverConfig(serverParty(t, plain))).up()
	second := func(args ...string) *process {
		config := n.file("second.conf", strings.NewReplacer("port 1194", "port 1195", "dev tun0", "dev tun1", "10.8.0", "10.9.0", "fd00:8", "fd00:9").Replace(mustRead(t, filepath.Join(n.dir, "server.conf"))))
		return n.start("second", append([]string{culvert(t), "--config", config, "--state-dir", state}, args...)...).up()
	}
	p := second("--name", "server-tun0")
	if p.count(regexp.MustCompile(`another process is at work as server-tun0`)) != 1 {
		t.Errorf("it says nothing:\n%s", p.log())
	}
	p.stop(syscall.SIGTERM)
	second("--name", "office")
	if names, err := manage.Names(state); err != nil || fmt.Sprint(names) != "[office server-tun0]" {
		t.Errorf("found %v, %v", names, err)
	}
	first.stop(syscall.SIGTERM)
	if names, _ := manage.Names(state); fmt.Sprint(names) != "[office]" {
		t.Errorf("after the first ended: %v", names)
	}
}

// TestOneNameInTwoNamespaces: processes whose adapters have one name, each in a network
// namespace of its own, are both found, and named to whoever asks for one of them.
func TestOneNameInTwoNamespaces(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	state := filepath.Join(t.TempDir(), "state")
	for _, role := range []string{"a", "b"} {
		n := l.host(role)
		n.start("server", culvert(t), "--config", n.serverConfig(serverParty(t, plain)), "--state-dir", state).up()
	}
	if names, err := manage.Names(state); err != nil || fmt.Sprint(names) != "[server-tun0 server-tun0-2]" {
		t.Errorf("found %v, %v", names, err)
	}
	for _, name := range []string{"server-tun0", "server-tun0-2"} {
		c, err := manage.Dial(state, "", name)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := c.Status(t.Context()); err != nil || s.Adapter != "tun0" {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
	if _, err := manage.Dial(state, "", ""); err == nil || !strings.Contains(err.Error(), "server-tun0, server-tun0-2") {
		t.Errorf("asked for the only one: %v", err)
	}
}

func mustRead(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestCaptureHub: the frames at one port of a hub, and at no other.
func TestCaptureHub(t *testing.T) {
	l := newLAN(t)
	l.hub("none", "")
	a, b, c := l.hosts[0], l.hosts[1], l.hosts[2]
	c.ping(lanAddrs[0]) // so that no ARP is due later
	file := filepath.Join(l.at.dir, "port.pcapng")
	p := l.at.start("capture", culvert(t), "capture", "--state-dir", l.sockets, "--at", "hub:"+l.device(b), "-o", file)
	p.expect(capturing, 1, patience)
	c.ping(lanAddrs[0])
	a.ping(lanAddrs[1])
	p.captured(t)
	got := tshark(t, file, "-T", "fields", "-e", "frame.interface_name", "-e", "_ws.col.Protocol", "-e", "ip.src", "-e", "frame.packet_flags_direction", "-Y", "arp || icmp")
	for _, want := range []string{"\tARP\t\t0x00000001\n", "\tARP\t\t0x00000002\n", fmt.Sprintf("\tICMP\t%v\t0x00000001\n", lanAddrs[0]), fmt.Sprintf("\tICMP\t%v\t0x00000002\n", lanAddrs[1])} {
		if !strings.Contains(got, l.device(b)+want) {
			t.Errorf("at the port there is no %q:\n%s", l.device(b)+want, got)
		}
	}
	if strings.Contains(got, lanAddrs[2].String()) {
		t.Errorf("what the others say to each other is there too:\n%s", got)
	}
	trace := l.at.start("trace", culvert(t), "trace", "--state-dir", l.sockets)
	if err := trace.wait(patience); err == nil || !strings.Contains(trace.log(), "another kind") {
		t.Errorf("trace of a hub: %v: %s", err, trace.log())
	}
}

// TestTraceFrames: an Ethernet tunnel's packets are frames, and filters too.
func TestTraceFrames(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, s := l.host("c"), l.host("s")
	w := l.join(c, s)
	s.run(ours, s.tapServer("server 10.8.0.0 255.255.255.0")).up()
	p, file := s.trace("arp"), filepath.Join(s.dir, "nic.pcapng")
	nic := s.capture("nic", file, "ether proto arp")
	c.run(stock, c.tapClient(keys(t).client, w.b4)).up()
	c.ping(serverIPv4)
	nic.captured(t)
	for _, one := range p.traced(2) {
		if !strings.HasSuffix(one.Summary, " ARP") || way(one) != wayIn && way(one) != wayOut {
			t.Errorf("%s: %s", one.Summary, way(one))
		}
	}
	if got := tshark(t, file, "-T", "fields", "-e", "frame.interface_name", "-e", "arp.opcode", "-e", "frame.comment"); !strings.Contains(got, "tap0\t1\tfrom interop-client\n") || !strings.Contains(got, "tap0\t2\tto interop-client\n") {
		t.Errorf("at the adapter:\n%s", got)
	}
}
