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
}

// behindAll is an address behind all servers.
var behindAll = netip.MustParseAddr("198.51.100.80")

// newAccelerated lays a path for each round trip.
func newAccelerated(t *testing.T, trips ...time.Duration) *accelerated {
	l := newLab(t)
	a := &accelerated{t: t, client: l.host("c"), host: l.host("s")}
	l.links++ // eth0 is the paths' own
	a.host.ip("addr", "add", behindAll.String()+"/32", "dev", "lo")
	for i, trip := range trips {
		near, far := l.host(fmt.Sprint("n", i)), l.host(fmt.Sprint("f", i))
		left, right := l.join(a.client, near), l.join(far, a.host)
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
		a.servers = append(a.servers, a.host.run(stock, a.host.serverConfig(serverParty(t, plain, fmt.Sprintf("dev tun%d", i+1), "local "+at.String(),
			"script-security 2", "client-connect "+script, `push "route `+behindAll.String()+`"`, "keepalive 5 30"))).up())
	}
	return a
}

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
	client.expect(initialized, n, patience)
	lines := initialized.FindAllStringIndex(client.log(), -1)
	line, _, _ := strings.Cut(client.log()[lines[n-1][0]:], "\n")
	if !strings.Contains(line, a.remotes[server].String()) {
		a.t.Fatalf("connection %d is not to server %d: %s", n, server, line)
	}
}

// TestFastest: of three stock servers at 10, 40 and 90 ms the nearest is used within two
// seconds. When its way gets slow, that of the next loses packets, that of the last carries
// nothing any more and a server is killed, each is left, a stream through all of that goes on,
// and no ping is missing for long.
func TestFastest(t *testing.T) {
	t.Parallel()
	a := newAccelerated(t, 40*time.Millisecond, 10*time.Millisecond, 90*time.Millisecond)
	config := a.client.clientConfig(clientParty(t, plain, "remote "+a.remotes[1].String()+" 1194", "remote "+a.remotes[2].String()+" 1194", "remote-select fastest 3"), a.remotes[0])

	table := a.client.output(culvert(t), "servers", config)
	t.Logf("culvert servers:\n%s", table)
	if chosen := regexp.MustCompile(`(?m)^\* (\S+)`).FindStringSubmatch(table); chosen == nil || chosen[1] != a.remotes[1].String() {
		t.Errorf("chosen: %q", chosen)
	}
	began := time.Now()
	client := a.client.run(ours, config)
	a.connected(client, 1, 1)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("connected after %v", took)
	}

	sink := a.host.helper("receive", behindAll.String())
	stream := a.client.helper("pace", sink.listenAddress())
	pings := a.client.start("pings", "ping", "-n", "-D", "-i", "0.05", behindAll.String())
	time.Sleep(2 * time.Second)

	for i, step := range []struct {
		what string
		do   func()
		to   int
	}{
		{"its way gets slow", func() { a.set(1, path.Conditions{Delay: 150 * time.Millisecond}) }, 0},
		{"its way loses 5 %", func() { a.set(0, path.Conditions{Delay: 20 * time.Millisecond, Loss: 0.05}) }, 2},
		{"nothing comes from it any more", func() {
			a.set(0, path.Conditions{Delay: 20 * time.Millisecond})
			a.set(2, path.Conditions{Loss: 1})
		}, 0},
		{"it is killed", func() {
			a.set(1, path.Conditions{Delay: 5 * time.Millisecond})
			a.servers[0].kill()
		}, 1},
	} {
		began := time.Now()
		step.do()
		a.connected(client, i+2, step.to)
		left := time.Since(began)
		time.Sleep(time.Second)
		t.Logf("%s: left after %v; the longest time without an answer to pings: %v", step.what, left.Round(10*time.Millisecond), gap(pings.log(), began).Round(time.Millisecond))
	}
	t.Logf("culvert servers:\n%s", a.client.output(a.client.command("servers")...))
	pings.cmd.Process.Signal(syscall.SIGINT)
	pings.wait(patience)
	if longest := gap(pings.log(), began); longest > 3*time.Second {
		t.Errorf("no answer to pings for %v", longest)
	}
	stream.stdin.Close()
	sent, got := stream.report(patience), sink.report(patience)
	if got.Bytes != sent.Bytes || got.SHA256 != sent.SHA256 {
		t.Errorf("sent %+v, got %+v", sent, got)
	}
	t.Logf("the stream's longest pause: %v", got.Longest)
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
