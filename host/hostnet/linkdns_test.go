package hostnet

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestNamesOfLink: all names or some are asked at a link, and each domain is named once, so
// that one that is searched stays so.
func TestNamesOfLink(t *testing.T) {
	for want, d := range map[string]DNS{
		"{[10.8.0.1] [corp.example ~.] true}":              {Servers: servers("10.8.0.1"), Search: []string{"corp.example"}},
		"{[10.8.0.1 fd00::1] [Corp.example ~b.org] false}": {Servers: servers("10.8.0.1", "fd00::1"), Search: []string{"Corp.example"}, Domains: []string{"corp.example", "b.org"}},
		"{[] [corp.example] false}":                        {Search: []string{"corp.example"}},
	} {
		if got := fmt.Sprint(namesOfLink(d)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	one, other := linkNames{[]string{"10.8.0.1"}, []string{"~.", "b.org"}, true}, linkNames{[]string{"10.8.0.1"}, []string{"B.org.", "~."}, true}
	if !one.same(other) {
		t.Error("the same names differ")
	}
	for _, differs := range []linkNames{{nil, one.domains, true}, {one.servers, []string{"~.", "~b.org"}, true}, {one.servers, one.domains, false}} {
		if one.same(differs) {
			t.Errorf("%v is %v", one, differs)
		}
	}
}

// TestNamesInASCII: a resolver is given names as programs ask for them.
func TestNamesInASCII(t *testing.T) {
	k := newTwin()
	withResolved(k)
	text := planText(t, k, State{Device: "tun0", DNS: &DNS{Servers: servers("10.8.0.1"), Domains: []string{"*.Bücher.example", "x\u0301\u0341.xn--a"}}})
	for _, want := range []string{"for names in xn--bcher-kva.example\n", "has no form in ASCII"} {
		if !strings.Contains(text+"\n", want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestLinkDomainsAreKept: so are the names that systemd-resolved asks at the adapter's link, and
// whether those of no link are.
func TestLinkDomainsAreKept(t *testing.T) {
	for what, lose := range map[string]func(*linkNames){
		"domains": func(n *linkNames) { n.domains = nil },
		"normal":  func(n *linkNames) { n.normal = false },
		"servers": func(n *linkNames) { n.servers = slices.Concat(n.servers, []string{"192.0.2.1"}) },
	} {
		k := newTwin()
		withResolved(k)
		keeping(t, redirected(), k, func(c *kept) {
			c.change("", func(k *twin) {
				n := k.told["tun0"]
				lose(&n)
				k.told["tun0"] = n
			})
			c.said("have systemd-resolved ask 10.8.0.1")
			if !k.told["tun0"].same(namesOfLink(*redirected().DNS)) {
				t.Errorf("%s: %v", what, k.told)
			}
		})
	}
}

// TestResolvedRestarts: while systemd-resolved is silent, nothing is changed, and nothing is
// lost if it still knows its links; else it is told again. Where another file is written, that
// counts.
func TestResolvedRestarts(t *testing.T) {
	k := newTwin()
	withResolved(k)
	keeping(t, redirected(), k, func(c *kept) {
		stub, resolved, steps := k.files["/etc/resolv.conf"], k.resolved, k.steps
		c.change("", func(k *twin) { k.resolved = nil })
		time.Sleep(time.Hour)
		synctest.Wait()
		c.change("", func(k *twin) { k.resolved = resolved })
		if k.steps != steps || c.log.Len() > 0 {
			t.Errorf("%d changes, said:\n%s", k.steps-steps, c.log.String())
		}
		c.change("", func(k *twin) { k.resolved = map[string]string{}; k.told = nil })
		c.said("have systemd-resolved ask 10.8.0.1")
		mustEqual(t, k.files["/etc/resolv.conf"], stub)
		c.change("", func(k *twin) { k.resolved, k.files["/etc/resolv.conf"] = nil, "nameserver 192.0.2.1\n" })
		c.said("write /etc/resolv.conf: nameserver 10.8.0.1")
	})
}
