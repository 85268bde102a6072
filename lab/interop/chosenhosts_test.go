//go:build interop

package interop

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestChosenNamesOfRoot: where root's programs are to be inside, and names are answered by
// this process, which is root's, the names outside are asked outside all the same.
func TestChosenNamesOfRoot(t *testing.T) {
	t.Parallel()
	c := newChoosingNames(t)
	before := c.client.state()
	client := c.begin(t, "route-only *.corp.example", "route-only user root")
	for _, name := range []string{"four.corp.example", "six.corp.example", "four.other.example", "six.other.example"} {
		if c.lookup(name) == "" {
			t.Errorf("%s is not found", name)
		}
	}
	other := regexp.MustCompile(`(?m)^.*other\.example.*$`)
	c.client.eventually("names outside are seen outside", func() bool { return c.captures["eth0"].count(other) >= 2 })
	c.client.eventually("names inside are seen inside", func() bool { return strings.Contains(c.captures[tunDevice].log(), "six.corp.example") })
	if bad := other.FindString(c.captures[tunDevice].log()); bad != "" {
		t.Errorf("inside: %s", bad)
	}
	c.goes(t, tunDevice, "four.corp.example", "four.other.example") // root's
	if err := client.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	c.sameState(t, before)
}

// TestChosenStrict: all goes its way on a host that checks that packets come the way that
// answers would go.
func TestChosenStrict(t *testing.T) {
	t.Parallel()
	c := newChoosingNames(t)
	for _, name := range []string{"all", "default", "eth0"} {
		c.client.output("sysctl", "-w", "net.ipv4.conf."+name+".rp_filter=1")
	}
	before := c.client.state() + c.client.output("sysctl", "net.ipv4.conf.all.src_valid_mark")
	client := c.begin(t, "route-only *.corp.example", "route-only user nobody")
	c.goes(t, tunDevice, "four.corp.example", "six.corp.example")
	c.goes(t, "eth0", "four.other.example", "six.other.example")
	c.separate(t, tunDevice, "eth0")
	if err := client.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if after := c.client.state() + c.client.output("sysctl", "net.ipv4.conf.all.src_valid_mark"); after != before {
		t.Errorf("the host is not as before.\nbefore:\n%s\nafter:\n%s", before, after)
	}
}

// TestChosenAnew: what is chosen can be added and taken away by SIGHUP, also by a client that
// has given root's rights up.
func TestChosenAnew(t *testing.T) {
	for name, own := range map[string][]string{"root": nil, "user daemon": {"user daemon", "group daemon"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newChoosing(t)
			before := c.client.state()
			web := c.webWire.b4
			path := forNobody(t, c.client.clientConfig(clientParty(t, plain, append(own, "route-only 192.0.2.0/24", "route-only program")...), c.serverIPv4))
			text := must(os.ReadFile(path))
			reload := func(p *process, more string) {
				if err := os.WriteFile(path, append(slices.Clone(text), more...), 0o644); err != nil {
					t.Fatal(err)
				}
				p.cmd.Process.Signal(syscall.SIGHUP)
			}
			rules := func() bool { return strings.Contains(c.client.output("nft", "list", "ruleset"), "skuid 65534") }
			p := c.client.start("ours", append(grouped, culvert(t), "--config", path, "--state-dir", c.stateDir())...).up()
			c.watch()
			run := append(append([]string{}, grouped...), culvert(t), "run", "--state-dir", c.stateDir(), "--")
			c.goes(t, true, web, run...)
			c.goes(t, false, web, as("nobody")...)
			reload(p, "route-only user nobody\n")
			c.client.eventually("nobody's rules are there", rules)
			p.expect(initialized, 2, patience)
			c.watch() // the adapter is another one
			c.goes(t, true, web, as("nobody")...)
			c.goes(t, true, web, run...)
			c.goes(t, false, web)
			reload(p, "")
			p.expect(initialized, 3, patience)
			if rules() {
				t.Error("nobody's rules are still there")
			}
			c.watch()
			c.goes(t, false, web, as("nobody")...)
			if err := p.stop(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
			c.sameState(t, before)
		})
	}
}
