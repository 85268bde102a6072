//go:build interop

package interop

import "path/filepath"

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
