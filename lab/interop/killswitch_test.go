//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// noise is what programs of a host try all the time: connections, datagrams, names and
// echoes, over IPv4 and IPv6, to addresses outside of every tunnel.
const noise = `while true; do
  (exec 4<>/dev/tcp/%[1]s/%[3]d) 2>/dev/null
  (exec 4<>/dev/tcp/%[2]s/%[3]d) 2>/dev/null
  echo x >/dev/udp/%[1]s/53
  echo x >/dev/udp/%[2]s/9999
  ping -c1 -W1 -n -q %[1]s
  ping -c1 -W1 -n -q %[2]s
  ping -c1 -W1 -q somebody.example
  sleep 0.05
done >/dev/null 2>&1
`

// noisePort is where nobody listens.
const noisePort = 7777

// fenceUp is what the log says when nothing gets out any more.
var fenceUp = regexp.MustCompile(`let packets leave through tunnels only`)

// killSwitch is a client with block-outside whose host makes noise, and what leaves that
// host by its uplink.
type killSwitch struct {
	*moving
	config string
	leaks  *process
}

// stray are lines of packets that had no business outside; the questions for the server's
// name are the client's own.
func (k *killSwitch) stray() (lines []string) {
	for line := range strings.Lines(k.leaks.log()) {
		if strings.Contains(line, " > ") && !strings.Contains(line, "? "+movingName+".") && !strings.Contains(line, "listening on") {
			lines = append(lines, line)
		}
	}
	return lines
}

// begin starts the client, and waits until nothing gets out.
func (k *killSwitch) begin(t *testing.T) *process {
	t.Helper()
	p := k.client.in(t).run(ours, k.config)
	p.expect(fenceUp, 1, patience)
	return p
}

// startNoise has programs begin before there is a switch, one of them with a connection
// that is there already.
func (k *killSwitch) startNoise() {
	sink := k.world.helper("receive", worldDNS.String())
	k.client.helper("pace", sink.listenAddress())
	k.client.start("noise", "bash", "-c", fmt.Sprintf(noise, worldDNS, worldDNSv6, noisePort))
}

// watch records what leaves by the uplink but for the tunnel itself and what a host needs
// of its network.
func (k *killSwitch) watch() { k.leaks = k.client.leaving("eth0", notTheTunnel) }

// What no capture of leaks counts: ARP, discovery and multicast of IPv6; and the tunnel.
const networkNeeds = "not arp and not (icmp6 and (ip6[40] == 133 or ip6[40] == 135 or ip6[40] == 136)) and not ip6 multicast"

var notTheTunnel = fmt.Sprintf("%s and not (udp port 1194 and (host %v or host %v))", networkNeeds, movingAt[0], movingAt[1])

// leaving captures what leaves a host by a device, as far as a filter says.
func (n *netns) leaving(device, filter string) *process {
	n.t.Helper()
	p := n.start("capture", "tcpdump", "-n", "-l", "-p", "--immediate-mode", "-i", device, "-Q", "out", filter)
	p.expect(regexp.MustCompile("listening on"), 1, patience)
	return p
}

// TestKillSwitch: from before the first connection on, through rekeys, the server's death
// and move, kill -9 and a new start, no packet leaves the host but the tunnel's, whatever
// its programs try. A clean end opens the host again.
func TestKillSwitch(t *testing.T) {
	t.Parallel()
	k := &killSwitch{moving: newMoving(t)}
	k.client.setResolvConf("nameserver " + worldDNS.String() + "\n")
	k.answers(k.world, worldDNS, movingAt[0])
	server := func(at netip.Addr) *process {
		return k.world.run(stock, k.world.serverConfig(serverParty(t, plain, "local "+at.String(), "keepalive 1 4", `push "redirect-gateway def1"`, `push "route-ipv6 2000::/3"`, `push "dhcp-option DNS `+serverIPv4.String()+`"`))).up()
	}
	config := k.client.clientConfig(clientParty(t, plain, "connect-retry 1 1", "reneg-sec 5", "block-outside persist"), movingAt[0])
	k.config = k.client.byName(config, movingAt[0])
	k.startNoise()

	client := k.begin(t)
	k.watch()
	time.Sleep(time.Second) // the noise tries, without a server
	first := server(movingAt[0])
	client.up()
	client.expect(regexp.MustCompile(`keys renewed`), 1, patience)
	k.client.ping(serverIPv4)

	first.kill()
	k.answers(k.world, worldDNS, movingAt[1])
	server(movingAt[1])
	client.expect(initialized, 2, patience)
	k.client.ping(serverIPv4)

	client.kill()
	time.Sleep(time.Second) // the noise tries, without a client
	if _, err := k.client.tryPing(worldDNS); err == nil {
		t.Error("after kill -9, the world can be reached")
	}
	client = k.begin(t)
	client.up()
	k.client.ping(serverIPv4)
	k.client.output("nft", "flush", "ruleset")
	k.client.eventually("the switch is back", func() bool { return strings.Contains(k.client.output("nft", "list", "ruleset"), "culvert-fence") })
	k.client.ping(serverIPv4)

	if lines := k.stray(); len(lines) > 0 {
		t.Errorf("%d packets got out, such as:\n%s", len(lines), strings.Join(lines[:min(len(lines), 10)], ""))
	}
	if err := client.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if left := k.client.output("nft", "list", "ruleset"); strings.Contains(left, "culvert") {
		t.Errorf("left: %s", left)
	}
	k.client.ping(worldDNS)
	k.client.eventually("the capture sees what gets out", func() bool { return len(k.stray()) > 0 })
}

// TestKillSwitchRefused: without the right to it, a client with block-outside does not
// start, and says why; another client of the same profile does not either.
func TestKillSwitchRefused(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, s := l.host("c"), l.host("s")
	w := l.join(c, s)
	config := c.clientConfig(clientParty(t, plain, "block-outside"), w.b4)
	nobody := c.start("nobody", append(append([]string{}, asNobody...), culvert(t), "--config", c.public("nobody.conf", mustRead(t, config)))...)
	if nobody.wait(patience) == nil || !strings.Contains(nobody.log(), "block-outside: not permitted") || !strings.Contains(nobody.log(), "run as root") {
		t.Errorf("as nobody: %s", nobody.log())
	}
	first := c.run(ours, config)
	first.expect(fenceUp, 1, patience)
	second := c.run(ours, config)
	if second.wait(patience) == nil || !strings.Contains(second.log(), "runs the same profile") {
		t.Errorf("a second one: %s", second.log())
	}
	first.stop(syscall.SIGTERM)
	if left := c.output("nft", "list", "ruleset"); strings.Contains(left, "culvert") {
		t.Errorf("left: %s", left)
	}
}

// fences are the tables of fences on a host.
func (n *netns) fences() []string {
	return regexp.MustCompile(`culvert-fence-\w+`).FindAllString(n.output("nft", "list", "tables"), -1)
}

// TestKillSwitchStays: with persist, a client that ends by itself leaves the host closed,
// also one whose worker has no rights, and says how to open it. The next start of the
// profile replaces what was left, though the profile was edited or renamed meanwhile, and
// opens the host when it is told to end. Other processes say why they are refused.
func TestKillSwitchStays(t *testing.T) {
	t.Parallel()
	m := newMoving(t)
	closed := func(want bool) {
		t.Helper()
		if got := len(m.client.fences()) == 1; got != want {
			t.Errorf("closed %v, want %v: %q", got, want, m.client.fences())
		}
		if _, err := m.client.tryPing(worldDNS); (err != nil) != want {
			t.Errorf("closed %v, but a ping ends by %v", want, err)
		}
	}
	const says = "this host stays closed"
	profile := m.client.clientConfig(clientParty(t, plain, "connect-retry 1 1", "block-outside persist", "user nobody"), movingAt[0])
	edit := func(change func(string) string) { // in place
		t.Helper()
		if err := os.WriteFile(profile, []byte(change(mustRead(t, profile))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	edit(func(text string) string {
		return text + "connect-retry-max 1\nserver-poll-timeout 1\nconnect-timeout 1\n"
	})
	ended := m.client.run(ours, profile)
	if ended.wait(patience) == nil || !strings.Contains(ended.log(), says) || !strings.Contains(ended.log(), "culvert cleanup") {
		t.Errorf("without a server: %s", ended.log())
	}
	closed(true)

	m.world.run(stock, m.world.serverConfig(serverParty(t, plain, "local "+movingAt[1].String()))).up()
	edit(func(text string) string {
		return strings.ReplaceAll(text, movingAt[0].String(), movingAt[1].String())
	})
	before := m.client.fences()
	client := m.client.run(ours, profile).up()
	if after := m.client.fences(); !slices.Equal(before, after) {
		t.Errorf("an edited profile has the fences %q, had %q", after, before)
	}
	client.kill()
	closed(true)
	if err := os.Rename(profile, profile+"-renamed"); err != nil {
		t.Fatal(err)
	}
	client = m.client.run(ours, profile+"-renamed").up()
	if len(m.client.fences()) != 1 {
		t.Errorf("a renamed profile has the fences %q", m.client.fences())
	}
	syscall.Kill(worker(t, client), syscall.SIGKILL)
	if client.wait(patience) == nil || !strings.Contains(client.log(), says) {
		t.Errorf("without its worker: %s", client.log())
	}
	closed(true)

	other := m.client.run(ours, m.client.clientConfig(clientParty(t, plain), movingAt[1]))
	other.expect(regexp.MustCompile(`keeps packets in \(block-outside persist\), those of this process too.*profile=\S*-renamed`), 1, patience)
	other.stop(syscall.SIGTERM)
	closed(true)

	client = m.client.run(ours, profile+"-renamed").up()
	if err := client.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	closed(false)
}

// TestTwoKillSwitches: a client with a mark of its own and one without let each other's
// packets through, whichever begins first, and so does one that was killed. A client that
// chooses, and has none, does not get out while one of them stands, and does afterwards.
func TestTwoKillSwitches(t *testing.T) {
	t.Parallel()
	m := newMoving(t)
	for i, at := range movingAt {
		pool := fmt.Sprintf("10.%d.0", 8+i)
		m.world.run(stock, m.world.serverConfig(serverParty(t, plain, "local "+at.String(), "server "+pool+".0 255.255.255.0", fmt.Sprintf("dev tun%d", i)))).up()
	}
	ends := func(i int, lines ...string) string {
		text := mustRead(t, m.client.clientConfig(clientParty(t, plain, append(lines, "connect-retry 1 1", fmt.Sprintf("dev tun%d", i))...), movingAt[i]))
		return m.client.file(fmt.Sprintf("client%d.conf", i), text)
	}
	marked, other := ends(0, "block-outside persist", "mark 7"), ends(1, "block-outside")
	first := m.client.run(ours, other).up()
	second := m.client.run(ours, marked).up()
	m.client.ping(serverIPv4)
	if err := first.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	first = m.client.run(ours, other).up()
	m.client.ping(netip.MustParseAddr("10.9.0.1"))
	second.kill()
	second = m.client.run(ours, marked).up()
	m.client.ping(serverIPv4)
	m.client.ping(netip.MustParseAddr("10.9.0.1"))
	if strings.Contains(first.log(), "put back what keeps packets") {
		t.Errorf("it takes the other one for a stranger: %s", first.log())
	}

	if err := second.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	choosing := m.client.file("choosing.conf", mustRead(t, m.client.clientConfig(clientParty(t, plain, "nobind", "dev tun5", "connect-retry 1 1", "route-only 203.0.113.0/24"), movingAt[0])))
	third := m.client.run(ours, choosing)
	time.Sleep(2 * time.Second) // it tries
	if initialized.MatchString(third.log()) {
		t.Errorf("a client without a kill switch gets through another's: %s", third.log())
	}
	if err := first.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	third.up()
}

// TestOutsideDNS: with block-outside-dns, which servers push, names are asked through the
// tunnel alone, and all else goes where it went; afterwards nothing is left.
func TestOutsideDNS(t *testing.T) {
	t.Parallel()
	m := newMoving(t)
	m.answers(m.world, worldDNS, movingAt[0])
	m.world.run(stock, m.world.serverConfig(serverParty(t, plain, "local "+movingAt[0].String(), `push "block-outside-dns"`))).up()
	asks := func(to netip.Addr, port int) bool {
		return m.client.answers("bash", "-c", fmt.Sprintf("exec 3<>/dev/tcp/%v/%d", to, port))
	}
	if !asks(worldDNS, 53) {
		t.Fatal("the world's name server does not answer before")
	}
	client := m.client.run(ours, m.client.clientConfig(clientParty(t, plain, "user nobody"), movingAt[0])).up()
	m.world.nameServer(serverIPv4)
	if asks(worldDNS, 53) {
		t.Error("names can be asked outside")
	}
	if !asks(serverIPv4, 53) {
		t.Error("names cannot be asked through the tunnel")
	}
	m.client.ping(worldDNS)
	if err := client.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if !asks(worldDNS, 53) || strings.Contains(m.client.output("nft", "list", "ruleset"), "culvert") {
		t.Errorf("left: %s", m.client.output("nft", "list", "ruleset"))
	}
}

// BenchmarkKillSwitch has a stream through the tunnel with block-outside and without, in
// turn, and prints the median rates in MB/s.
func BenchmarkKillSwitch(b *testing.B) {
	benchmarkLine(b, "fenced", "block-outside", func(*netns) {})
}

// benchmarkLine has a stream through the tunnel without a line of the client's configuration
// and with it, seven times in turn, and prints the median rates in MB/s. ready is called with
// the client's host when it is up with the line.
func benchmarkLine(b *testing.B, name, line string, ready func(client *netns)) {
	const each = 400 << 20
	l := newLab(b)
	c, s := l.host("c"), l.host("s")
	w := l.join(c, s)
	s.run(ours, s.serverConfig(serverParty(b, plain))).up()
	rates := map[bool][]float64{}
	for range max(b.N, 7) {
		for _, with := range []bool{false, true} {
			lines := []string{"connect-retry 1 1"}
			if with {
				lines = append(lines, line)
			}
			client := c.run(ours, c.clientConfig(clientParty(b, plain, lines...), w.b4)).up()
			if with {
				ready(c)
			}
			sink := s.helper("receive", serverIPv4.String())
			began := time.Now()
			c.helper("send", sink.listenAddress(), fmt.Sprint(each)).report(2 * time.Minute)
			rates[with] = append(rates[with], each/1e6/time.Since(began).Seconds())
			if err := client.stop(syscall.SIGTERM); err != nil {
				b.Error(err)
			}
		}
	}
	for with, unit := range map[bool]string{false: "MB/s-without", true: "MB/s-" + name} {
		slices.Sort(rates[with])
		b.Logf("%s: %.0f", unit, rates[with])
		b.ReportMetric(rates[with][len(rates[with])/2], unit)
	}
}
