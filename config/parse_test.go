package config

import (
	"path"
	"strings"
	"testing"
)

func TestParseArgs(t *testing.T) {
	client := []string{"--client", "--remote", "vpn.example.org", "443", "--ca", "ca.crt", "--cert", "client.crt", "--key", "client.key"}
	c, err := ParseArgs(append(client, "--verb", "4", "--redirect-gateway"), readTest)
	if err != nil {
		t.Fatal(err)
	}
	if c.Process.Verb != 4 || c.Routing.RedirectGateway == nil || c.Link.Remotes[0].Port != "443" {
		t.Errorf("got %+v", c)
	}
	if c, err = ParseArgs([]string{"--config", "common.conf", "--verb", "5", "--server", "10.8.0.0", "255.255.255.0", "--cert", "server.crt", "--key", "server.key"}, readTest); err != nil || c.Process.Verb != 5 || c.Trust.CA == nil {
		t.Errorf("%+v, %v", c, err)
	}
	for want, args := range map[string][]string{
		"no configuration given":                     nil,
		"common.conf: neither client nor server":     {"common.conf"},
		`command line: config "none.conf": cannot`:   {"none.conf"},
		"command line: verb: a directive on":         {"verb", "3"},
		"did you mean remote-cert-tls":               {"--client", "--remote-cert-tsl", "server"},
		"show-tls: is a command of its own":          {"--client", "--show-tls"},
		"show-pkcs11-ids: keys in hardware":          {"--show-pkcs11-ids"},
		"command line: route: a value is missing":    {"--route"},
		"command line: ping \"x\": expected a whole": {"--ping", "x"},
	} {
		_, err := ParseArgs(args, readTest)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
}

func TestParseArgsLeavesArgumentsAlone(t *testing.T) {
	args := []string{"--route-ipv6", "fd00::1", "--verb", "3"}
	_, _ = ParseArgs(args, readTest)
	if got := strings.Join(args, " "); got != "--route-ipv6 fd00::1 --verb 3" {
		t.Errorf("changed to %s", got)
	}
}

func TestSelfInclusionIsBounded(t *testing.T) {
	reads := 0
	_, err := ParseFile("a", []byte("config a\n"), func(string) ([]byte, error) {
		reads++
		return []byte(strings.Repeat("config a\n", 50)), nil
	})
	if err == nil || reads > maxFiles {
		t.Errorf("%d reads, %v", reads, err)
	}
}

func TestErrorsAreBounded(t *testing.T) {
	_, err := ParseFile("a", []byte(strings.Repeat("nonsense-x 1\n", 10_000)), readTest)
	if n := strings.Count(err.Error(), "\n"); n != maxErrors {
		t.Errorf("%d lines", n+1)
	}
}

func TestNoSecretsInErrors(t *testing.T) {
	text := "client\nremote x\n<key>\nSECRET\n</key>\n<tls-auth>\nSECRET\n</tls-auth>\n<auth-user-pass>\nSECRET\n</auth-user-pass>\nca none\ncert none\n"
	_, err := ParseFile("a", []byte(text), readTest)
	if err == nil || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("%v", err)
	}
}

func TestParsePushedLeavesBaseAlone(t *testing.T) {
	base := plainest(t)
	base.Process.Env = []Variable{{"A", "b"}}
	base.Routing.Routes = make([]Route, 1, 8)
	base.Routing.DNS.Servers = []DNSServer{{Priority: 1, ResolveDomains: []string{"ours"}}}
	c, _, err := ParsePushed(base, []string{"route 10.0.0.0 255.0.0.0", "setenv-safe X y", "dns server 1 address 10.0.0.1", "ping 7"})
	if err != nil {
		t.Fatal(err)
	}
	if len(base.Routing.Routes) != 1 || base.Routing.Routes[:2][1].Net.IsValid() || len(base.Process.Env) != 1 || base.Routing.DNS.Servers[0].ResolveDomains[0] != "ours" || base.Timers.Ping != 0 {
		t.Errorf("base changed: %+v", base)
	}
	if len(c.Routing.Routes) != 2 || len(c.Process.Env) != 2 || len(c.Routing.DNS.Servers[0].ResolveDomains) > 0 || c.Timers.Ping == 0 {
		t.Errorf("not applied: %+v", c)
	}
}

func TestRouteNopull(t *testing.T) {
	base := plainest(t)
	base.Routing.NoPull = true
	c, notes, err := ParsePushed(base, []string{"route 10.0.0.0 255.0.0.0", "redirect-gateway def1", "dhcp-option DNS 10.0.0.1", "dns server 1 address 10.0.0.1", "block-outside-dns", "route-ipv6 ::/0", "route-metric 5", "ifconfig 10.8.0.2 255.255.255.0", "ping 7"})
	if err != nil || len(notes) != 7 {
		t.Errorf("%v %v", notes, err)
	}
	if len(c.Routing.Routes) > 0 || c.Routing.RedirectGateway != nil || len(c.Routing.DNS.Addrs)+len(c.Routing.DNS.Servers) > 0 || c.Adapter.Ifconfig == nil || c.Timers.Ping == 0 {
		t.Errorf("got %+v", c)
	}
}

// TestNothingElseIsPushed pushes every directive that a server may not set.
func TestNothingElseIsPushed(t *testing.T) {
	base := plainest(t)
	for _, row := range Directives() {
		if row.Where&InPush != 0 {
			continue
		}
		c, notes, err := ParsePushed(base, []string{row.Name + " 1 2"})
		if err != nil || len(notes) != 1 || outcome(c, base, nil, nil) != "" {
			t.Errorf("%s: %v %v\n%s", row.Name, notes, err, outcome(c, base, nil, nil))
		}
	}
}

// TestProgramsStartFromCd: their relative names are of the directory of `cd`,
// except those that are run below another root.
func TestProgramsStartFromCd(t *testing.T) {
	for lines, want := range map[string]string{
		"cd /etc/vpn\ntls-verify check.sh":               "/etc/vpn/check.sh",
		"tls-verify /usr/bin/check\ncd /etc/vpn":         "/usr/bin/check",
		"tls-verify check.sh":                            "check.sh",
		"cd /etc/vpn\ntls-verify check.sh\nchroot /jail": "check.sh",
	} {
		read := func(name string) ([]byte, error) { return readTest(path.Base(name)) }
		c, err := ParseFile("x.conf", []byte(clientLines+"script-security 2\n"+lines+"\n"), read)
		if err != nil || c.Trust.TLSVerify[0] != want {
			t.Errorf("%q: %v, want %s", lines, err, want)
		}
	}
}
