package profile

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// chosenText is what a profile with lines more, and what a server pushes, ask of a host, as
// text.
func chosenText(t *testing.T, push []string, lines ...string) string {
	t.Helper()
	c := pushed(t, strings.Join(lines, "\n")+"\n", push...)
	s, err := HostState(context.Background(), c, netip.MustParseAddr("203.0.113.5"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, r := range s.Routes {
		fmt.Fprint(&b, r.Dst)
		if r.Bypass {
			b.WriteString(" past")
		}
		if r.Refuse {
			b.WriteString(" refused")
		}
		b.WriteString("; ")
	}
	if s.BlockOutsideDNS {
		b.WriteString("no names outside; ")
	}
	if s.DNS != nil {
		fmt.Fprintf(&b, "names %v by %v, outside %v, learned %v; ", s.DNS.Domains, s.DNS.Servers, s.DNS.Outside, s.DNS.Learned)
	}
	if s.Chosen != nil {
		fmt.Fprintf(&b, "inside %+v, outside %+v, learn %v %v, carries %v %v", s.Chosen.Inside, s.Chosen.Outside, s.Chosen.Learn, s.Chosen.LearnOutside, s.Chosen.IPv4, s.Chosen.IPv6)
	}
	return b.String()
}

func TestChosen(t *testing.T) {
	push := []string{"ifconfig 10.8.0.2 255.255.255.0", "redirect-gateway def1", "route 172.16.0.0 255.240.0.0", "route 192.0.2.0 255.255.255.0 net_gateway", "dhcp-option DNS 10.9.0.1", "block-outside-dns"}
	for _, c := range []struct{ lines, want string }{
		{"route-only 10.1.0.0/16\nroute-only 2001:db8::/32", "192.0.2.0/24 past; 203.0.113.5/32 past; 10.1.0.0/16; 2001:db8::/32 refused; " +
			"inside {Users:[] Groups:[] Started:false}, outside {Users:[] Groups:[] Started:false}, learn false false, carries true false"},
		{"route-only *.corp.example\nroute-except user ada", "192.0.2.0/24 past; 203.0.113.5/32 past; 10.9.0.1/32; names [*.corp.example] by [10.9.0.1:0], outside [], learned [*.corp.example]; " +
			"inside {Users:[] Groups:[] Started:false}, outside {Users:[ada] Groups:[] Started:false}, learn true false, carries true false"},
		{"route-except corp.example\nroute-except 198.51.100.0/24", "172.16.0.0/12; 192.0.2.0/24 past; 203.0.113.5/32 past; 0.0.0.0/1; 128.0.0.0/1; 198.51.100.0/24 past; " +
			"no names outside; names [] by [10.9.0.1:0], outside [corp.example], learned [corp.example]; " +
			"inside {Users:[] Groups:[] Started:false}, outside {Users:[] Groups:[] Started:false}, learn false true, carries true false"},
	} {
		if got := chosenText(t, push, c.lines); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.lines, got, c.want)
		}
	}
	if got := chosenText(t, push[:1], "route-only corp.example"); !strings.Contains(got, "names [] by [], outside [.], learned [corp.example]") {
		t.Errorf("without name servers: %s", got)
	}
}
