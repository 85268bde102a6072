package profile

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"culvert/access/hooks"
	"culvert/config"
	"culvert/session"
)

// TestUpdown: what dns-updown is told is what OpenVPN 2.7.8 tells it, the newest first
// (recorded; TestUpdownOf27 in lab/interop).
func TestUpdown(t *testing.T) {
	for lines, want := range map[string]string{
		"dns server 7 address 10.8.0.3\ndns server 5 address 10.8.0.1 [fd00::53]:5353\ndns server 5 resolve-domains corp.example\ndns search-domains a.example\n": "[dns_server_2_address_1=10.8.0.3 dns_server_1_resolve_domain_1=corp.example " +
			"dns_server_1_port_2=5353 dns_server_1_address_2=fd00::53 dns_server_1_address_1=10.8.0.1 dns_search_domain_1=a.example]",
		"dhcp-option DNS 10.8.0.1\ndhcp-option DOMAIN-SEARCH a.example\ndhcp-option DOMAIN corp.example\ndhcp-option DOMAIN other.example\n": "[dns_server_1_address_1=10.8.0.1 " +
			"dns_search_domain_2=a.example dns_search_domain_1=other.example]",
		"dns server 5 address 10.8.0.1\ndhcp-option DNS 10.8.0.9\ndhcp-option DOMAIN corp.example\ndhcp-option DOMAIN-SEARCH a.example\n": "[dns_server_1_address_1=10.8.0.1]",
		"dhcp-option DOMAIN corp.example\n": "nothing",
		"dns search-domains b.example\n":    "nothing",
	} {
		c, err := config.ParseFile("test.conf", []byte("client\ndev tun\nremote 192.0.2.1\nauth-user-pass\nca ca.crt\n"+lines), func(string) ([]byte, error) { return []byte("-----BEGIN CERTIFICATE-----"), nil })
		if err != nil {
			t.Fatal(err)
		}
		got := "nothing"
		if env := updown(c.Routing.DNS); env != nil {
			got = fmt.Sprint(env.List())
		}
		if got != want {
			t.Errorf("%s\nit is told %s, want %s", lines, got, want)
		}
	}
}

// TestToldRedirect: programs are told of default routes into the tunnel as by OpenVPN 2.7
// (recorded, the newest first).
func TestToldRedirect(t *testing.T) {
	for flags, want := range map[string]string{
		"redirect-gateway def1 bypass-dhcp":      "[route_redirect_gateway_ipv4=1]",
		"redirect-gateway":                       "[route_redirect_gateway_ipv4=1]",
		"redirect-gateway local def1":            "[route_redirect_gateway_ipv4=1]",
		"redirect-gateway def1 ipv6 block-local": "[route_redirect_gateway_ipv6=2 route_redirect_gateway_ipv4=2]",
		"redirect-gateway ipv6 !ipv4":            "[route_redirect_gateway_ipv6=1]",
		"redirect-private def1":                  "[]",
		"route 10.60.0.0 255.255.0.0":            "[]",
	} {
		c, err := config.ParseFile("test.conf", []byte("client\ndev tun\nremote 192.0.2.1\nauth-user-pass\nca ca.crt\n"+flags+"\n"), func(string) ([]byte, error) { return []byte("-----BEGIN CERTIFICATE-----"), nil })
		if err != nil {
			t.Fatal(err)
		}
		told := slices.DeleteFunc(Told(c, new(hooks.Env), netip.Addr{}).Host.List(), func(v string) bool { return !strings.HasPrefix(v, "route_redirect_") })
		if got := fmt.Sprint(told); got != want {
			t.Errorf("%s: told %s, want %s", flags, got, want)
		}
	}
}

// TestTold: programs are told of names, routes and gateways as by OpenVPN 2.6.14
// (recorded), and of default routes as by 2.7.
func TestTold(t *testing.T) {
	client := "client\ndev tun\nremote 192.0.2.1\nauth-user-pass\nca ca.crt\ntopology subnet\nifconfig 10.8.0.2 255.255.255.0\nroute-gateway 10.8.0.1\n"
	server := "dev tun\nca ca.crt\ncert x.crt\nkey x.key\ndh none\ntopology net30\nserver 10.8.0.0 255.255.255.0\nroute 10.70.0.0 255.255.0.0\n"
	const six = "ifconfig-ipv6 fd00:8::2/64 fd00:8::1\n"
	for lines, want := range map[string]string{
		client + "dns server 9 address 9.9.9.9\ndns server 2 address 9.9.9.8\n":                               "dns_server_1_address_1=9.9.9.8 dns_server_2_address_1=9.9.9.9 foreign_option_1=dhcp-option DNS 9.9.9.8 foreign_option_2=dhcp-option DNS 9.9.9.9",
		client + "dhcp-option DNS 10.8.0.1\ndhcp-option DOMAIN-ROUTE r.example\ndhcp-option PROXY_HTTP h 1\n": "foreign_option_1=dhcp-option DNS 10.8.0.1 foreign_option_2=dhcp-option DOMAIN-ROUTE r.example",
		client + six + "redirect-gateway ipv6 !ipv4\n": "route_redirect_gateway_ipv6=1 route_ipv6_network_1=::/3 route_ipv6_gateway_1=fd00:8::1 route_ipv6_network_2=2000::/4 route_ipv6_gateway_2=fd00:8::1 " +
			"route_ipv6_network_3=3000::/4 route_ipv6_gateway_3=fd00:8::1 route_ipv6_network_4=fc00::/7 route_ipv6_gateway_4=fd00:8::1",
		client + "redirect-gateway ipv6 !ipv4\n": "route_redirect_gateway_ipv6=1 route_ipv6_network_1=::/3 route_ipv6_gateway_1=:: route_ipv6_network_2=2000::/4 route_ipv6_gateway_2=:: " +
			"route_ipv6_network_3=3000::/4 route_ipv6_gateway_3=:: route_ipv6_network_4=fc00::/7 route_ipv6_gateway_4=::",
		client + "redirect-private def1\n":                                     "redirected",
		client + six + "route-ipv6 fd00:9::/48\nroute 10.60.0.0 255.255.0.0\n": "route_network_1=10.60.0.0 route_netmask_1=255.255.0.0 route_gateway_1=10.8.0.1 route_ipv6_network_1=fd00:9::/48 route_ipv6_gateway_1=fd00:8::1",
		server: "route_network_1=10.70.0.0 route_netmask_1=255.255.0.0 route_gateway_1=10.8.0.2 route_network_2=10.8.0.0 route_netmask_2=255.255.255.0 route_gateway_2=10.8.0.2",
	} {
		c, err := config.ParseFile("test.conf", []byte(lines), func(string) ([]byte, error) { return []byte("-----BEGIN CERTIFICATE-----"), nil })
		if err != nil {
			t.Fatal(err)
		}
		if c.Mode == config.ModeServer {
			c.Adapter.Ifconfig = &config.Ifconfig{Local: netip.MustParseAddr("10.8.0.1"), Remote: netip.MustParseAddr("10.8.0.2")}
		}
		told := Told(c, new(hooks.Env), netip.Addr{})
		var got []string
		all := told.Host.List()
		slices.Reverse(all)
		for _, v := range all { // gateways outside are this machine's
			if !strings.HasPrefix(v, "ifconfig_") && !strings.HasPrefix(v, "net_gateway_ipv6") && !strings.HasPrefix(v, "route_net_gateway") && !strings.HasPrefix(v, "route_vpn_gateway") {
				got = append(got, v)
			}
		}
		if told.Redirect {
			got = append(got, "redirected")
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("%s\nthey are told\n%s, want\n%s", lines, got, want)
		}
		if has := told.Host.Get("route_net_gateway") != ""; has != (strings.Contains(want, "route_network_") || c.Routing.RedirectGateway != nil) {
			t.Errorf("%s\nroute_net_gateway is set: %v", lines, has)
		}
	}
}

// TestPeerChanged: address and port are one argument, as with OpenVPN.
func TestPeerChanged(t *testing.T) {
	for at, want := range map[string]string{"192.0.2.1:1194": "[AF_INET]192.0.2.1 1194", "[2001:db8::1]:443": "[AF_INET6]2001:db8::1 443", "[::ffff:192.0.2.1]:1": "[AF_INET]192.0.2.1 1"} {
		if got := PeerChanged(netip.MustParseAddrPort(at)); got != want {
			t.Errorf("%s: %q, want %q", at, got, want)
		}
	}
}

// TestLastSignal: who says goodbye to the other end is told so at each end that this host
// chose, and at no other.
func TestLastSignal(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"nothing to carry": {ErrInactive, "inactive"}, "long enough": {ErrExpired, "session-timeout"}, "silence": {session.ErrPingExit, "ping-exit"},
	} {
		if got, goodbye := LastSignal(t.Context(), false, c.err), LastSignal(t.Context(), true, c.err); got != c.want || goodbye != "exit-with-notification" {
			t.Errorf("%s: %s, and %s; want %s", name, got, goodbye, c.want)
		}
	}
	if got := LastSignal(t.Context(), true, session.ErrPingTimeout); got != "ping-restart" {
		t.Errorf("a restart: %s", got)
	}
}
