package config

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// spareNames are the directives whose lines with too many or too few values may be passed
// over. Each one more is a question of safety: what happens to a user whose line is not
// there?
const spareNames = `
tun-mtu tun-mtu-max txqueuelen ip-win32 fragment mssfix link-mtu udp-mtu mtu-test compress comp-lzo
sndbuf rcvbuf mtu-disc resolv-retry connect-retry connect-retry-max connect-timeout server-poll-timeout
tcp-queue-limit tcp-nodelay socket-flags passtos keepalive ping ping-restart ping-exit ping-timer-rem
explicit-exit-notify hand-window tls-timeout max-packet-size route-delay verb mute mute-replay-warnings
suppress-timestamps nice setenv
`

// idleNames are those that change nothing here in any case.
const idleNames = `
allow-nonadmin auth-token auth-token-user bcast-buffers comp-noadapt dh dhcp-internal dhcp-pre-release
dhcp-release dhcp-renew disable-dco disable-occ enable-dco engine errors-to-stderr fast-io hash-size
http-proxy-retry http-proxy-timeout ifconfig-nowarn iproute key-derivation keying-material-exporter keysize
machine-readable-output max-routes memstats mptcp msg-channel multihome no-replay opt-verify parameter
pause-exit peer-id persist-key persist-local-ip persist-remote-ip persist-tun pkcs11-cert-private
pkcs11-pin-cache pkcs11-private-mode pkcs11-protected-authentication preresolve prng protocol-flags
push-continuation rdns-internal register-dns route-method service show-net-up socks-proxy-retry tap-sleep
tun-ipv6 tun-mtu-extra use-prediction-resistance win-sys windows-driver
`

// TestSpare: of all directives, only what protects nothing may be passed over for its
// number of values, whichever way a configuration asks for that.
func TestSpare(t *testing.T) {
	spare := map[string]bool{}
	for _, name := range strings.Fields(spareNames + idleNames) {
		spare[name] = true
	}
	for _, row := range Directives() {
		if row.isSpare() != spare[row.Name] {
			t.Errorf("%s: spare is %v", row.Name, row.isSpare())
		}
		delete(spare, row.Name)
		if row.Status == Planned || row.Status == Refused || row.Status == Command {
			continue
		}
		for _, args := range wrongCounts(&row) {
			for how, b := range passedOver(t, &row, args) {
				if b.has(row.Name) {
					continue // it is carried out, without what it does not take
				}
				if passed := len(b.errs) == 0 && len(b.notes) > 0; passed != row.isSpare() {
					t.Errorf("%s %q, %s: notes %v, errors %v", row.Name, args, how, b.notes, b.errs)
				}
			}
		}
	}
	if len(spare) > 0 {
		t.Errorf("no rows for %v", slices.Sorted(maps.Keys(spare)))
	}
}

// wrongCounts returns arguments of which there is one too many, and one too few.
func wrongCounts(row *Directive) (all [][]string) {
	least, most := row.Arity()
	if most >= 0 {
		all = append(all, slices.Repeat([]string{"1"}, most+1))
	}
	if least > 0 {
		all = append(all, slices.Repeat([]string{"1"}, least-1))
	}
	return all
}

// passedOver applies a line where each way of asking to ignore it is used.
func passedOver(t *testing.T, row *Directive, args []string) map[string]*builder {
	t.Helper()
	all := map[string]*builder{}
	for place, name := range map[Where]string{InFile: "file", InConnection: "connection"} {
		if row.Where&place == 0 {
			continue
		}
		line := func() *call { return &call{Pos: Pos{File: "x.conf", Line: 1}, name: row.Name, args: args} }
		opt, ignored, forward := newBuilder(readTest), newBuilder(readTest), newBuilder(readTest)
		opt.attempt(line(), place)
		ignored.optional[row.Name] = true
		ignored.apply(line(), place)
		forward.forward = true
		forward.apply(line(), place)
		for how, b := range map[string]*builder{"setenv opt": opt, "ignore-unknown-option": ignored, "FORWARD_COMPATIBLE": forward} {
			b.settle()
			all[name+", "+how] = b
		}
	}
	return all
}

// TestProtectiveLinesStay: lines that OpenVPN 2.6 passes over, each of which would leave a
// host that shows, takes in or sends more than its user thinks.
func TestProtectiveLinesStay(t *testing.T) {
	const forward = "setenv FORWARD_COMPATIBLE 1\n"
	for _, text := range []string{
		"pull-filter ignore dhcp-option DNS", "socks-proxy 127.0.0.1 9050 x y", "http-proxy 127.0.0.1 80 none basic x", "route 10.0.0.0 255.0.0.0 10.1.0.1 1 x",
		"client-nat snat 10.0.0.0 255.0.0.0 10.1.0.0 x", "data-ciphers AES-256-GCM AES-128-GCM", "cipher AES-256-GCM x", "auth SHA256 x", "replay-window 64 15 x", "session-timeout 60 x", "inactive 60 0 x",
		"allow-compression no x", "remote a 1194 udp x", "reneg-sec 3600 60 x", "mark 1 2", "setenv ALLOWED anna bob", "setenv-safe ALLOWED anna bob",
	} {
		name, _, _ := strings.Cut(text, " ")
		for _, asked := range []string{forward + text, "ignore-unknown-option " + name + "\n" + text, "setenv opt " + text} {
			line{text: asked, fault: "more values than it takes"}.try(t, clientLines)
		}
	}
	for _, text := range []string{"local 10.0.0.1 1 udp x", "bind-dev vrf x y", "max-clients 5 x", "connect-freq 1 2 3", "bind ipv6only x"} {
		line{text: forward + text, fault: "more values than it takes"}.try(t, serverLines)
	}
	line{text: forward + "block-ipv6 all", fault: "takes no value"}.try(t, clientLines)
	line{text: forward + "<connection>\nremote b\nsocks-proxy p 9050 x y\n</connection>", fault: "more values than it takes"}.try(t, clientLines)
	line{text: forward + "<connection>\nremote b\nconnect-retry 1 2 3\n</connection>", note: "ignored, as this configuration asks"}.try(t, clientLines)
	line{text: forward + "setenv FRIENDLY_NAME My VPN", note: "ignored, as this configuration asks"}.try(t, clientLines)
}

// TestNotRunTouchesNothing: what script-security forbids is neither asked about nor said to
// be run, in the settings of a <connection> block either; and down-root's command, which it
// does not forbid, is.
func TestNotRunTouchesNothing(t *testing.T) {
	const programs = "dns-updown /bin/a\ndown /bin/a\nroute-pre-down /bin/a\nroute-up /bin/a\nipchange /bin/a\ntls-verify /bin/a\n"
	const block = "<connection>\nremote b\nfloat\n</connection>\n"
	c, err := ParseFile("x.conf", []byte(clientLines+programs+block), readTest)
	if err != nil || len(c.Touches()) > 0 || len(c.Hooks.Commands()) > 0 {
		t.Errorf("%v, touches %v, programs %v", err, c.Touches(), c.Hooks.Commands())
	}
	own := c.Link.Remotes[0].Settings
	if own == nil || len(own.Hooks.Commands()) > 0 {
		t.Errorf("the block's settings: %+v", own)
	}
	c, err = ParseFile("x.conf", []byte(clientLines+"script-security 2\n"+programs+block), readTest)
	if err != nil || len(c.Touches()) != strings.Count(programs, "\n") {
		t.Errorf("%v, touches %v", err, c.Touches())
	}
	c, err = ParseFile("x.conf", []byte(serverLines+"client-connect /bin/a\nclient-disconnect /bin/a\nlearn-address /bin/a\nclient-crresponse /bin/a\n"), readTest)
	if err != nil || len(c.Touches()) > 0 {
		t.Errorf("%v, touches %v", err, c.Touches())
	}
	for _, level := range []string{"0", "1", "2"} {
		c, err := ParseFile("x.conf", []byte(clientLines+"script-security "+level+"\nplugin openvpn-plugin-down-root.so /bin/a\n"), readTest)
		if err != nil || len(c.Touches()) != 1 || !c.Touches()[0].Unbound || c.Touches()[0].Kind != TouchRuns {
			t.Fatalf("script-security %s: %v, touches %v", level, err, c.Touches())
		}
		if noted := len(c.Notes) == 1 && strings.Contains(c.Notes[0].Text, "although script-security is "+level); noted != (level != "2") {
			t.Errorf("script-security %s: %v", level, c.Notes)
		}
	}
}
