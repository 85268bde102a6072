//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestFormer moves a client between two servers of OpenVPN with different pools, under
// connections to a host behind both: they go on from the address before, also where only
// the server before has routes there, new ones begin from the new address, and when they
// have ended, nothing of that is left.
func TestFormer(t *testing.T) {
	for name, c := range map[string]struct{ own, second []string }{
		"redirect": {second: []string{`push "redirect-gateway def1 ipv6"`}},
		"routes":   {second: []string{`push "route 10.78.0.0 255.255.255.0"`}},
		"worker":   {own: []string{"user nobody", "group nogroup"}, second: []string{`push "redirect-gateway def1 ipv6"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			former(t, c.own, c.second)
		})
	}
}

var web4, web6 = netip.MustParseAddr("10.77.0.1"), netip.MustParseAddr("fd77::1")

func former(t *testing.T, own, second []string) {
	l := newLab(t)
	client, web := l.host("c"), l.host("w")
	web.ip("addr", "add", web4.String()+"/32", "dev", "lo")
	web.ip("addr", "add", web6.String()+"/128", "dev", "lo")
	first := []string{`push "route 10.77.0.0 255.255.255.0"`, `push "route-ipv6 fd77::/64"`}
	var remotes []string
	var servers []*process
	for i, push := range [][]string{first, append([]string{"server 10.9.0.0 255.255.255.0", "server-ipv6 fd00:9::/64"}, second...)} {
		s := l.host(fmt.Sprint("s", i))
		s.forward()
		outer, inner := l.join(client, s), l.join(s, web)
		s.ip("route", "add", web4.String()+"/32", "via", inner.b4.String())
		s.ip("route", "add", web6.String()+"/128", "via", inner.b6.String())
		web.ip("route", "add", fmt.Sprintf("10.%d.0.0/24", 8+i), "via", inner.a4.String())
		web.ip("route", "add", []string{"fd00:8::/64", "fd00:9::/64"}[i], "via", inner.a6.String())
		servers = append(servers, s.run(stock, s.serverConfig(serverParty(t, plain, push...))).up())
		remotes = append(remotes, outer.b4.String())
	}
	before := client.state()
	lines := append(own, "remote "+remotes[1]+" 1194", "explicit-exit-notify 1")
	tunnel := client.run(ours, client.clientConfig(clientParty(t, plain, lines...), netip.MustParseAddr(remotes[0]))).up()
	flows := []flow{startFlow(client, web, web4, "pace"), startFlow(client, web, web6, "pace")}
	time.Sleep(500 * time.Millisecond)
	t.Log(strings.TrimSpace(client.output(client.command("use", "2")...)))
	time.Sleep(3 * time.Second)
	t.Log(strings.TrimSpace(client.output(client.command("reconnect")...))) // which ends nothing of that
	time.Sleep(3 * time.Second)
	addresses := client.ip("addr", "show", "dev", tunDevice)
	for _, want := range []string{"10.9.0.2/24", "10.8.0.2/32 scope global deprecated", "fd00:8::1000/128 scope global nodad deprecated"} {
		if !strings.Contains(addresses, want) {
			t.Errorf("the adapter has no %s:\n%s", want, addresses)
		}
	}
	status := client.output(client.command("status")...)
	if !strings.Contains(status, "kept for what is open from 10.8.0.2 and fd00:8::1000") {
		t.Errorf("the status says\n%s", status)
	}
	inside := netip.MustParseAddr("10.9.0.1")
	if way := client.ip("route", "get", inside.String()); !strings.Contains(way, "src 10.9.0.2") {
		t.Errorf("new connections leave by %s", way)
	}
	client.ping(inside)
	for _, f := range flows {
		f.finish(t)
	}
	servers[0].expect(clientLeft, 1, patience)
	for end := time.Now().Add(patience); strings.Contains(client.ip("addr", "show", "dev", tunDevice), "deprecated"); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the former addresses are still there")
		}
	}
	if rules := client.ip("rule") + client.ip("-6", "rule"); strings.Contains(rules, "from 10.8.0.2") || strings.Contains(rules, "from fd00:8") {
		t.Errorf("a rule is left:\n%s", rules)
	}
	client.output(client.command("disconnect")...)
	if err := tunnel.wait(patience); err != nil {
		t.Error(err)
	}
	if after := client.state(); after != before {
		t.Errorf("the host is not as before.\nbefore:\n%s\nafter:\n%s", before, after)
	}
}
