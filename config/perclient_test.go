package config

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// stocksMask is what OpenVPN 2.6 and 2.7 take in a file of client-config-dir, as seen by
// giving each of their directives there; override-username is of 2.7. Of the others they
// say that they may not stand there, and go on.
const stocksMask = `auth-token x
auth-token-user x
bind-dev lo
cipher AES-128-CBC
comp-lzo no
comp-noadapt
compat-mode 2.6.0
compress stub-v2
config ping.conf
data-ciphers AES-256-GCM
data-ciphers-fallback AES-256-CBC
disable
disable-dco
echo hello
ifconfig-ipv6-push fd00::5/64 fd00::1
ifconfig-push 10.8.0.5 255.255.255.0
inactive 600
iroute 10.9.0.0 255.255.255.0
iroute-ipv6 fd01::/64
max-routes 100
max-routes-per-client 100
msg-channel 1
ncp-ciphers AES-256-GCM
override-username bob
parameter x
ping 10
ping-exit 60
ping-restart 60
ping-timer-rem
prng SHA1 16
providers default
push "echo x"
push-remove route
push-reset
route-ipv6-gateway fd00::1
session-timeout 3600
socket-flags TCP_NODELAY
tun-ipv6
vlan-pvid 5`

// serverOf is a server's configuration with lines added.
func serverOf(t *testing.T, lines string) *Config {
	t.Helper()
	c, err := ParseFile("x.conf", []byte(serverLines+lines+"\n"), readTest)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestStocksMask: each of these is taken, and what has no effect is said.
func TestStocksMask(t *testing.T) {
	server := serverOf(t, "")
	for line := range strings.Lines(stocksMask) {
		line = strings.TrimSpace(line)
		name, _, _ := strings.Cut(line, " ")
		c, err := ParsePerClient(server, "anna", []byte(line))
		if err != nil {
			t.Error(err)
			continue
		}
		if _, idle := idleForOne[name]; idle && (len(c.Notes) != 1 || !strings.HasPrefix(c.Notes[0].Text, name+": ignored; ")) {
			t.Errorf("%s: %v", line, c.Notes)
		} else if !idle && byName[name].Where&InCCD == 0 {
			t.Errorf("%s has no place there", name)
		}
	}
}

// TestNotForOneClient: what OpenVPN passes over is no reason to keep a client out, unless
// it decides who may connect.
func TestNotForOneClient(t *testing.T) {
	server := serverOf(t, "")
	for line, want := range map[string]string{
		"max-clients 3":            "max-clients: ignored; it may not stand in a file of client-config-dir, only in",
		"route 10.1.0.0 255.0.0.0": "route: ignored; it may not stand",
		"dhcp-option DNS 10.8.0.1": "dhcp-option: ignored; it may not stand",
		"scramble x":               "scramble: ignored; it may not stand",
	} {
		c, err := ParsePerClient(server, "anna", []byte(line))
		if err != nil || len(c.Notes) != 1 || !strings.HasPrefix(c.Notes[0].Text, want) {
			t.Errorf("%s: %+v, %v", line, c, err)
		}
	}
	for _, line := range []string{"verify-x509-name x name", "crl-verify x.pem", "plugin x.so", "ccd-exclusiv", "username-as-common-name", "plugin"} {
		if _, err := ParsePerClient(server, "anna", []byte(line)); err == nil || !strings.HasPrefix(err.Error(), "anna:1: ") {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// TestTimersAndCiphersOfOne: what a client's own lines do not say is the server's, and
// lines that are added stand behind those that were there.
func TestTimersAndCiphersOfOne(t *testing.T) {
	server := serverOf(t, "keepalive 10 60\ninactive 900\ncipher AES-256-CBC")
	c, err := ParsePerClient(server, "anna", []byte("ping 7\ncipher AES-128-CBC\ndata-ciphers AES-128-GCM:BF-CBC"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Timers.Ping != 7*time.Second || c.Timers.PingRestart != 120*time.Second || c.Timers.Inactive != 900*time.Second {
		t.Errorf("%+v", c.Timers)
	}
	if !slices.Equal(c.Ciphers, []string{"AES-128-GCM"}) || c.Fallback != "AES-128-CBC" {
		t.Errorf("%v, %s", c.Ciphers, c.Fallback)
	}
	if err := AddPerClient(server, c, "program", []byte("ping-exit 33\ndata-ciphers-fallback AES-192-CBC\noverride-username bob")); err != nil {
		t.Fatal(err)
	}
	if c.Timers.Ping != 7*time.Second || c.Timers.PingExit != 33*time.Second || c.Timers.PingRestart != 0 || !slices.Equal(c.Ciphers, []string{"AES-128-GCM"}) || c.Fallback != "AES-192-CBC" || c.OverrideUsername != "bob" {
		t.Errorf("%+v, %+v", c, c.Timers)
	}
	if none, err := ParsePerClient(server, "anna", []byte("push-reset")); err != nil || none.Timers != nil || none.Ciphers != nil || none.Fallback != "" {
		t.Errorf("%+v, %v", none, err)
	}
	if own, err := ParsePerClient(server, "anna", []byte("config ping.conf")); err != nil || own.Timers.Ping != 9*time.Second {
		t.Errorf("of another file: %+v, %v", own, err)
	}
	included, err := ParsePerClient(server, "anna", []byte("config common.conf"))
	if err == nil || !strings.Contains(err.Error(), "common.conf:2: ca: may not stand") || included != nil {
		t.Errorf("%v", err)
	}
}

// TestPushConstraint: an address that the server's own configuration rules out keeps its
// client out.
func TestPushConstraint(t *testing.T) {
	server := serverOf(t, "ifconfig-push-constraint 10.8.0.0 255.255.255.128")
	for address, good := range map[string]bool{"10.8.0.5": true, "10.8.0.127": true, "10.8.0.128": false, "10.9.0.5": false} {
		_, err := ParsePerClient(server, "anna", []byte("push-reset\nifconfig-push "+address+" 255.255.255.0"))
		if (err == nil) != good || err != nil && !strings.HasPrefix(err.Error(), "anna:2: ifconfig-push: "+address+" is outside of 10.8.0.0/25") {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, l := range []line{
		{text: "ifconfig-push-constraint 10.8.0.0", fault: "a value is missing"},
		{text: "ifconfig-push-constraint x 255.0.0.0", fault: "an IPv4 address"},
		{text: "ifconfig-push-constraint 10.0.0.0 255.0.255.0", fault: "a netmask"},
	} {
		l.try(t, serverLines)
	}
}
