//go:build interop

package hostnet

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// dockers are Docker's rules of forwarding, as iptables-nft writes them; user are those of
// DOCKER-USER, which are the administrator's.
func dockers(user string) string {
	return `table ip filter {
chain DOCKER { iifname != "docker0" oifname "docker0" drop; }
chain DOCKER-ISOLATION-STAGE-1 { iifname "docker0" oifname != "docker0" jump DOCKER-ISOLATION-STAGE-2; return; }
chain DOCKER-ISOLATION-STAGE-2 { oifname "docker0" drop; return; }
chain DOCKER-USER { ` + user + ` return; }
chain INPUT { type filter hook input priority 0; policy accept; iifname "tun0" accept; }
chain FORWARD { type filter hook forward priority 0; policy drop;
 counter packets 0 bytes 0 jump DOCKER-USER
 counter packets 0 bytes 0 jump DOCKER-ISOLATION-STAGE-1
 oifname "docker0" ct state related,established accept
 oifname "docker0" jump DOCKER
 iifname "docker0" oifname != "docker0" accept
 iifname "docker0" oifname "docker0" accept; }
}`
}

// forwardingChain is a chain of an own table that decides about forwarded packets.
func forwardingChain(rules string) string {
	return "table inet f { chain nets { }; set vpn { type ipv4_addr; flags interval; elements = { 10.8.0.0/16 }; }; chain c { type filter hook forward priority 0; " + rules + " }; }"
}

// TestForwardDrops: which rule sets keep a tunnel's packets from the world, or answers from
// coming back; whether one lets all of a device through is told by where its rules are, not by
// that there are some.
func TestForwardDrops(t *testing.T) {
	inNewNamespace(t)
	in := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	in("ip", "link", "add", "up0", "type", "veth", "peer", "name", "far0")
	in("ip", "link", "set", "far0", "up")
	in("ip", "tuntap", "add", "tun0", "mode", "tun")
	in("ip", "link", "set", "up0", "up")
	in("ip", "addr", "add", "192.0.2.7/24", "dev", "up0")
	in("ip", "route", "add", "default", "via", "192.0.2.1")
	nets := []netip.Prefix{prefix("10.8.0.0/24"), prefix("fd00:8::/64")}
	const back = "ct state established,related accept; "
	for name, c := range map[string]struct {
		rules string
		drops bool
	}{
		"none":                                   {"", false},
		"Docker's":                               {dockers(""), true},
		"Docker's, opened for the device":        {dockers(`iifname "tun0" accept; oifname "tun0" accept;`), false},
		"Docker's, opened for a network":         {dockers("ip saddr 10.8.0.0/24 accept; ip daddr 10.8.0.0/24 accept;"), false},
		"Docker's, opened for another network":   {dockers("ip saddr 10.9.0.0/24 accept; ip daddr 10.9.0.0/24 accept;"), true},
		"Docker's, opened for one way":           {dockers(`iifname "tun0" accept;`), true},
		"Docker's, opened with answers":          {dockers(`iifname "tun0" accept; ` + back), false},
		"Docker's, opened for all":               {dockers("accept;"), false},
		"a policy":                               {forwardingChain("policy drop;"), true},
		"a policy, and answers pass":             {forwardingChain("policy drop; " + back), true},
		"the last rule rejects":                  {forwardingChain(back + "reject with icmpx type admin-prohibited;"), true},
		"the last rule drops IPv6":               {forwardingChain("meta nfproto ipv6 drop;"), true},
		"a rule drops another network":           {forwardingChain("ip saddr 10.9.0.0/24 drop; tcp dport 25 drop;"), false},
		"a rule drops what is not for a device":  {forwardingChain(`iifname != "tun0" oifname != "tun0" drop;`), false},
		"by the device's number":                 {forwardingChain("policy drop; iif tun0 accept; oif tun0 accept;"), false},
		"by another's number":                    {forwardingChain("policy drop; iif up0 accept; oif lo accept;"), true},
		"by a set of devices":                    {forwardingChain(`policy drop; iifname { "tun0", "tun1" } accept; ` + back), false},
		"by a set of networks":                   {forwardingChain(`policy drop; ip saddr @vpn accept; ` + back + "meta nfproto ipv6 accept;"), false},
		"by a map of states":                     {forwardingChain(`policy drop; ct state vmap { established : accept, invalid : drop }; iifname "tun*" accept;`), false},
		"by a map of devices":                    {forwardingChain(`policy drop; ` + back + `iifname vmap { "tun0" : jump nets, "up0" : drop };`), false},
		"with more conditions":                   {forwardingChain(`policy drop; iifname "tun0" tcp dport 443 accept; ` + back), false},
		"what another hook accepts":              {"table inet f { chain i { type filter hook input priority 0; iifname \"tun0\" accept; }; chain c { type filter hook forward priority 0; policy drop; }; }", true},
		"what a chain accepts that nobody calls": {`table inet f { chain x { iifname "tun0" accept; oifname "tun0" accept; }; chain c { type filter hook forward priority 0; policy drop; }; }`, true},
		"of bridges":                             {"table bridge f { chain c { type filter hook forward priority 0; policy drop; }; }", false},
		"of this program":                        {"table inet culvert-tun0 { chain c { type filter hook forward priority 0; policy drop; }; }", false},
	} {
		in("nft", "flush", "ruleset")
		file := filepath.Join(t.TempDir(), "rules")
		check(t, os.WriteFile(file, []byte(c.rules+"\n"), 0o600))
		in("nft", "-f", file)
		got, err := linux{}.forwardDrops("tun0", nets)
		if err != nil || len(got) > 0 != c.drops {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// TestManyRules logs how long it takes to look at a large rule set.
func TestManyRules(t *testing.T) {
	inNewNamespace(t)
	var b strings.Builder
	b.WriteString("table ip filter { chain many {\n")
	for i := range 10000 {
		fmt.Fprintf(&b, "ip saddr 10.%d.%d.7 tcp dport 25 counter drop\n", i>>8, i&255)
	}
	b.WriteString("}; chain FORWARD { type filter hook forward priority 0; policy drop; jump many; }; }\n")
	file := filepath.Join(t.TempDir(), "rules")
	check(t, os.WriteFile(file, []byte(b.String()), 0o600))
	if out, err := exec.Command("nft", "-f", file).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	began := time.Now()
	r, err := LookAtRouter("tun0", []netip.Prefix{prefix("10.8.0.0/24")})
	t.Logf("it took %v", time.Since(began))
	if err != nil || len(r.Drops) != 1 || len(r.Plain) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}
