//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"culvert/lab/bench/path"
)

// accelerated is a client, and a host with a stock server at the end of each of several
// paths; the servers give the client the same address, and what is behind them is one.
type accelerated struct {
	t       *testing.T
	client  *netns
	host    *netns
	remotes []netip.Addr
	paths   []*process
	files   []string // of the paths' conditions
	servers []*process
	near    *netns     // the first router of the first path
	before  netip.Addr // that router
}

// behindAll is an address behind all servers.
var behindAll = netip.MustParseAddr("198.51.100.80")

// newAccelerated lays a path for each round trip. The servers have more lines, on their host.
func newAccelerated(t *testing.T, c combination, more func(*netns) []string, trips ...time.Duration) *accelerated {
	l := newLab(t)
	a := &accelerated{t: t, client: l.host("c"), host: l.host("s")}
	l.links++ // eth0 is the paths' own
	a.host.ip("addr", "add", behindAll.String()+"/32", "dev", "lo")
	for i, trip := range trips {
		near, far := l.host(fmt.Sprint("n", i)), l.host(fmt.Sprint("f", i))
		left, right := l.join(a.client, near), l.join(far, a.host)
		if i == 0 {
			a.near, a.before = near, left.b4
		}
		file := filepath.Join(near.dir, "conditions")
		a.files = append(a.files, file)
		a.set(i, path.Conditions{Delay: trip / 2})
		p := near.helper("path", "-to", far.name, "-conditions", file)
		p.expect(regexp.MustCompile("ready"), 1, patience)
		a.paths = append(a.paths, p)
		for n, end := range map[string]*netns{"1": near, "2": far} {
			end.ip("addr", "add", fmt.Sprintf("198.19.%d.%s/24", i, n), "dev", "eth0")
			end.ip("link", "set", "eth0", "up")
			end.forward()
		}
		net := func(at netip.Addr) string { return netip.PrefixFrom(at, 24).Masked().String() }
		a.client.ip("route", "add", net(right.b4), "via", left.b4.String())
		near.ip("route", "add", net(right.b4), "via", fmt.Sprintf("198.19.%d.2", i))
		far.ip("route", "add", net(left.a4), "via", fmt.Sprintf("198.19.%d.1", i))
		a.host.ip("route", "add", net(left.a4), "via", right.a4.String())
		a.remotes = append(a.remotes, right.b4)
	}
	script := a.host.program("connected", "#!/bin/sh\nip route replace 10.8.0.2/32 dev $dev\n")
	for i, at := range a.remotes {
		a.servers = append(a.servers, a.host.run(stock, a.host.serverConfig(serverParty(t, c, append([]string{fmt.Sprintf("dev tun%d", i+1), "local " + at.String(),
			"script-security 2", "client-connect " + script, `push "route ` + behindAll.String() + `"`, "keepalive 5 30"}, more(a.host)...)...))).up())
	}
	return a
}

func nothingMore(*netns) []string { return nil }

// set gives a path other conditions.
func (a *accelerated) set(i int, c path.Conditions) {
	a.t.Helper()
	if err := c.Write(a.files[i]); err != nil {
		a.t.Fatal(err)
	}
	if i < len(a.paths) {
		n := a.paths[i].count(regexp.MustCompile("changed"))
		a.paths[i].cmd.Process.Signal(syscall.SIGHUP)
		a.paths[i].expect(regexp.MustCompile("changed"), n+1, patience)
	}
}

// connected waits until the client is up for the n-th time, and wants it at a server.
func (a *accelerated) connected(client *process, n, server int) {
	a.t.Helper()
	client.expect(initialized, n, 2*patience)
	lines := initialized.FindAllStringIndex(client.log(), -1)
	line, _, _ := strings.Cut(client.log()[lines[n-1][0]:], "\n")
	if !strings.Contains(line, a.remotes[server].String()) {
		a.t.Fatalf("connection %d is not to server %d: %s", n, server, line)
	}
}

// TestFastest: of three stock servers at 10, 40 and 90 ms the nearest is used. When its way gets
// slow, that of the next loses packets, that of the last carries nothing any more and a server
// is killed, each is left, a stream through all of that goes on, and no ping is missing for long.
func TestFastest(t *testing.T) {
	t.Parallel()
	a := newAccelerated(t, plain, nothingMore, 40*time.Millisecond, 10*time.Millisecond, 90*time.Millisecond)
	config := a.client.clientConfig(clientParty(t, plain, "remote "+a.remotes[1].String()+" 1194", "remote "+a.remotes[2].String()+" 1194", "remote-select fastest 3"), a.remotes[0])

	table := a.client.output(culvert(t), "servers", config)
	t.Logf("culvert servers:\n%s", table)
	if chosen := regexp.MustCompile(`(?m)^\* (\S+)`).FindStringSubmatch(table); chosen == nil || chosen[1] != a.remotes[1].String() {
		t.Errorf("chosen: %q", chosen)
	}
	began := time.Now()
	client := a.client.run(ours, config)
	a.connected(client, 1, 1)
	t.Logf("connected after %v", time.Since(began).Round(10*time.Millisecond))

	sink := a.host.helper("receive", behindAll.String())
	stream := a.client.helper("pace", sink.listenAddress())
	pings := a.client.start("pings", "ping", "-n", "-D", "-i", "0.05", behindAll.String())
	time.Sleep(2 * time.Second)

	a.leaves(client, pings,
		leaving{"its way gets slow", func() { a.set(1, path.Conditions{Delay: 150 * time.Millisecond}) }, 0, better},
		leaving{"its way loses 5 %", func() { a.set(0, path.Conditions{Delay: 20 * time.Millisecond, Loss: 0.05}) }, 2, better},
		leaving{"nothing comes from it any more", func() {
			a.set(0, path.Conditions{Delay: 20 * time.Millisecond})
			a.set(2, path.Conditions{Loss: 1})
		}, 0, dead},
		leaving{"it is killed", func() {
			a.set(1, path.Conditions{Delay: 5 * time.Millisecond})
			a.servers[0].kill()
		}, 1, dead},
	)
	t.Logf("culvert servers:\n%s", a.client.output(a.client.command("servers")...))
	pings.cmd.Process.Signal(syscall.SIGINT)
	pings.wait(patience)
	stream.stdin.Close()
	sent, got := stream.report(patience), sink.report(patience)
	if got.Bytes != sent.Bytes || got.SHA256 != sent.SHA256 {
		t.Errorf("sent %+v, got %+v", sent, got)
	}
	t.Logf("the stream's longest pause: %v", got.Longest)
}

// leaving is how the server in use gets worse, and that the client leaves it.
type leaving struct {
	what string
	do   func()
	to   int   // the server that it goes to
	by   bound // what makes it leave
}

// bound is how long leaving may take where the rule makes a client leave, on a machine that
// is busy beside. What it takes on one that is not is in docs/fastest.md.
type bound struct {
	within time.Duration // it is left
	misses time.Duration // the longest that pings may have no answer
}

var (
	better = bound{within: 2 * patience, misses: 5 * time.Second}
	dead   = bound{within: 15 * time.Second, misses: 15 * time.Second} // half of ping-restart
)

// leaves has a client that has connected once leave one server after another.
func (a *accelerated) leaves(client, pings *process, steps ...leaving) {
	a.t.Helper()
	for i, step := range steps {
		began := time.Now()
		step.do()
		a.connected(client, i+2, step.to)
		left := time.Since(began)
		time.Sleep(time.Second)
		missing := gap(pings.log(), began)
		a.t.Logf("%s: left after %v; the longest time without an answer to pings: %v", step.what, left.Round(10*time.Millisecond), missing.Round(time.Millisecond))
		if left > step.by.within || missing > step.by.misses {
			a.t.Errorf("%s: left after %v, and pings had no answer for %v; want at most %v and %v", step.what, left, missing, step.by.within, step.by.misses)
		}
	}
}

// TestFastestFails: a dead server is left as fast with names in place of addresses, which are
// asked for past the tunnel, and where each server gives tokens of its own; over TCP it takes
// longer.
func TestFastestFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tcp, names, tokens bool
	}{"TCP": {tcp: true}, "names": {names: true}, "tokens": {tokens: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			with := plain
			with.tcp = c.tcp
			more, lines := nothingMore, []string(nil)
			if c.names {
				more = func(*netns) []string { return []string{`push "route 203.0.113.0 255.255.255.128"`} } // where the name server is
			}
			if c.tokens {
				more = func(host *netns) []string {
					return loginServer(host, `test "$(sed -n 2p "$1")" = hunter2`, "auth-gen-token 600")
				}
				lines = []string{"<auth-user-pass>\nada\nhunter2\n</auth-user-pass>"}
			}
			a := newAccelerated(t, with, more, 40*time.Millisecond, 10*time.Millisecond, 90*time.Millisecond)
			for _, at := range a.remotes[1:] {
				lines = append(lines, "remote "+at.String()+" 1194")
			}
			config := a.client.clientConfig(clientParty(t, with, append(lines, "remote-select fastest")...), a.remotes[0])
			if c.names {
				config = a.named(config)
			}
			client := a.client.run(ours, config)
			a.connected(client, 1, 1)
			pings := a.client.start("pings", "ping", "-n", "-D", "-i", "0.05", behindAll.String())
			time.Sleep(time.Second)
			a.leaves(client, pings,
				leaving{"nothing comes from it any more", func() { a.set(1, path.Conditions{Loss: 1}) }, 0, dead},
				leaving{"it is killed", func() { a.servers[0].kill() }, 2, dead},
			)
		})
	}
}

// named has the client know its servers by names, from a name server before all paths.
func (a *accelerated) named(config string) string {
	a.t.Helper()
	a.near.ip("addr", "add", worldDNS.String()+"/32", "dev", "lo")
	a.client.ip("route", "add", netip.PrefixFrom(worldDNS, 24).Masked().String(), "via", a.before.String())
	a.client.setResolvConf(fmt.Sprintf("nameserver %v\n", worldDNS))
	text := string(must(os.ReadFile(config)))
	var records []string
	for i, at := range a.remotes {
		name := fmt.Sprintf("s%d.example", i)
		records = append(records, fmt.Sprintf("--host-record=%s,%v", name, at))
		text = strings.Replace(text, "remote "+at.String(), "remote "+name, 1)
	}
	a.near.nameServer(worldDNS, records...)
	return a.client.file(filepath.Base(config), text)
}

// gap is the longest time between two answers that ping printed with their times, of those
// that came after a time.
func gap(log string, since time.Time) (longest time.Duration) {
	var last float64
	for line := range strings.Lines(log) {
		var at float64
		if _, err := fmt.Sscanf(line, "[%f]", &at); err != nil || !strings.Contains(line, "bytes from") {
			continue
		}
		if last > 0 && at > float64(since.UnixNano())/1e9 {
			longest = max(longest, time.Duration((at-last)*float64(time.Second)))
		}
		last = at
	}
	return longest
}
