//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"culvert/operate/doctor"
)

// dockerRules are Docker's rules of forwarding as iptables-nft writes them, with the
// administrator's.
func dockerRules(user string) string {
	return `table ip filter {
chain DOCKER { iifname != "docker0" oifname "docker0" drop; }
chain DOCKER-USER { ` + user + ` }
chain INPUT { type filter hook input priority 0; policy accept; iifname "tun0" accept; }
chain FORWARD { type filter hook forward priority 0; policy drop;
 counter packets 0 bytes 0 jump DOCKER-USER
 oifname "docker0" ct state related,established accept
 oifname "docker0" jump DOCKER
 iifname "docker0" accept; }
}
`
}

// manyRules are a large rule set that lets through what the tests send.
func manyRules() string {
	var b strings.Builder
	b.WriteString("table ip filter { chain many {\n")
	for i := range 10000 {
		fmt.Fprintf(&b, "ip saddr 10.%d.%d.7 tcp dport 25 counter drop\n", i>>8, i&255)
	}
	b.WriteString("}; chain INPUT { type filter hook input priority 0; jump many; }; chain FORWARD { type filter hook forward priority 0; jump many; }; }\n")
	return b.String()
}

// otherTunnel has a host be in a network by another VPN's device.
func (n *netns) otherTunnel(address string) {
	n.t.Helper()
	n.ip("tuntap", "add", "wg0", "mode", "tun")
	n.ip("addr", "add", address, "dev", "wg0")
	n.ip("link", "set", "wg0", "up")
}

// contained begins a command line whose program has what it has in a container: no right to
// change the network, and settings that cannot be written.
var contained = []string{"unshare", "--mount", "sh", "-c", `mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys && exec setpriv --bounding-set=-net_admin --inh-caps=-net_admin "$@"`, "sh"}

// TestDoctorElsewhere: on hosts that are not as others, and well, the doctor is done in time,
// and finds nothing but what it has to say of them.
func TestDoctorElsewhere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		server         bool     // it is examined
		unwell, unsure []string // checks that find something, or could not look
		plant          func(w *ward)
	}{
		{name: "a host without IPv6", plant: (*ward).withoutIPv6},
		{name: "a server without IPv6", server: true, plant: (*ward).withoutIPv6},
		{name: "ten thousand rules", server: true, plant: func(w *ward) { w.server.nft(manyRules()) }},
		{name: "Docker, and the tunnel let through", server: true, plant: func(w *ward) {
			w.server.nft(dockerRules(`iifname "tun0" accept; oifname "tun0" ct state established accept; return;`))
		}},
		{name: "Docker, and the clients' network let through", server: true, plant: func(w *ward) {
			w.server.nft(dockerRules(`ip saddr 10.8.0.0/24 accept; ip daddr 10.8.0.0/24 accept;`))
		}},
		{name: "a plain user", plant: (*ward).asNobody},
		{name: "a plain user beside a kill switch", unwell: []string{"reach"}, plant: func(w *ward) {
			w.asNobody()
			w.after = func() { w.leaveKillSwitch(w.client, "other.ovpn", "block-outside persist") }
		}},
		{name: "a client's container", unwell: []string{"device"}, plant: func(w *ward) { w.around = contained }},
		{name: "a server's container", server: true, unsure: []string{"masquerade", "forward policy"}, plant: func(w *ward) { w.around = contained }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWard(t)
			w.server.forward()
			w.masquerade()
			c.plant(w)
			w.begin()
			if w.after != nil {
				w.after()
			}
			r := w.examine(c.server, "--fix")
			if got := unwell(r); !slices.Equal(got, c.unwell) {
				t.Errorf("unwell: %q, want %q\n%s", got, c.unwell, findings(r))
			}
			for _, check := range r.Results {
				if unsure := check.Outcome == doctor.Unknown; unsure != slices.Contains(c.unsure, check.Check) {
					t.Errorf("%s: %s %s", check.Check, check.Outcome, check.Why)
				}
				for _, f := range check.Findings {
					if check.Check == "reach" && !strings.Contains(f.Text, "or a firewall, here or on the way, refuses the packet") {
						t.Errorf("%s", f.Text)
					}
				}
			}
		})
	}
}

// withoutIPv6 has both hosts have none, on loopback neither.
func (w *ward) withoutIPv6() {
	for _, n := range []*netns{w.client, w.server} {
		n.output("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1", "net.ipv6.conf.lo.disable_ipv6=1")
	}
	w.conf = serverIPv6Line.ReplaceAllString(w.conf, "") + "push \"redirect-gateway def1\"\npush \"dhcp-option DNS 10.8.0.1\"\n"
	w.after = func() { w.server.nameServer(netip.MustParseAddr("10.8.0.1")) }
}

// asNobody has the doctor be run by a user without rights, who has the profile.
func (w *ward) asNobody() {
	w.around, w.program = asNobody, program(w.T)
	w.mode(filepath.Dir(w.client.dir), 0o755) // the test's own
	if err := os.Chown(w.client.file("laptop.ovpn", w.profile), 65534, 65534); err != nil {
		w.Fatal(err)
	}
}

// leaveKillSwitch has a client on a host end by kill -9 with its kill switch up. Its profile is
// that of the test, with a line more.
func (w *ward) leaveKillSwitch(host *netns, file, line string) {
	w.Helper()
	profile := host.file(file, w.profile+line+"\n")
	client := host.start("our client", culvert(w), "connect", profile, "--state-dir", filepath.Join(host.dir, "state"))
	client.expect(fenceUp, 1, patience)
	client.kill()
}

// killSwitchAilments are kill switches that were left, on a client's host or a server's.
func killSwitchAilments(server bool) []ailment {
	host := func(w *ward) *netns {
		if server {
			return w.server
		}
		return w.client
	}
	blocked, where := []string{"reach"}, ""
	if server {
		blocked, where = []string{"answer", "forwarding", "masquerade"}, " beside the server"
	}
	list := []ailment{
		{name: "a killed client's kill switch that is to persist" + where, check: "leftovers", says: `the kill switch of \S*/other\.ovpn stands, and its client has ended: nothing gets out of this host but clients with block-outside`, mend: `^connect again: culvert connect \S*/other\.ovpn --state-dir \S+; or open this host: culvert cleanup --state-dir \S+$`, also: blocked, plant: func(w *ward) func() {
			return func() { w.leaveKillSwitch(host(w), "other.ovpn", "block-outside persist") }
		}},
		{name: "a killed client's kill switch", check: "leftovers", says: `the kill switch of \S*/other\.ovpn stands, and its client was killed`, mend: `^culvert cleanup --state-dir`, also: blocked, fixed: true, plant: func(w *ward) func() {
			return func() { w.leaveKillSwitch(host(w), "other.ovpn", "block-outside") }
		}},
	}
	if server {
		return list[:1]
	}
	return append(list, ailment{name: "the profile's own kill switch, left to persist", check: "leftovers", says: `the kill switch of \S*/laptop\.ovpn stands, and its client has ended`, mend: `^connect again: culvert connect`, plant: func(w *ward) func() {
		w.byName("--address=/vpn.example/" + w.wire.b4.String())
		w.profile += "block-outside persist\n"
		return func() { w.leaveKillSwitch(w.client, "laptop.ovpn", "") }
	}})
}
