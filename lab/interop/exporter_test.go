//go:build interop

package interop

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestExporter: the exporter for Prometheus reads the same metrics out of status files of
// ours as out of OpenVPN's: of a server in all three formats, and of a client. It does not
// know the first format, nor the clock in the file of a client of 2.6, whoever writes it.
func TestExporter(t *testing.T) {
	t.Parallel()
	theirs, ours := exported(t, stock), exported(t, ours)
	if theirs != ours {
		t.Errorf("of OpenVPN:\n%s\nof ours:\n%s", theirs, ours)
	}
	for _, want := range []string{
		`openvpn_up{status_path="server2.read"} 1`, `openvpn_up{status_path="server3"} 1`,
		`openvpn_server_connected_clients{status_path="server2.read"} 1`, `virtual_address="10.66.0.0/16"`,
	} {
		if !strings.Contains(ours, want) {
			t.Errorf("no metric %s in\n%s", want, ours)
		}
	}
}

// exported is what the exporter makes of a server and a client of one implementation,
// without numbers of bytes and times.
func exported(t *testing.T, impl implementation) string {
	h := newHosts(t)
	socket, file := filepath.Join(h.s.dir, "management"), filepath.Join(h.s.dir, "server2")
	h.s.file(clientName, "iroute 10.66.0.0 255.255.0.0\niroute 10.67.0.7\niroute-ipv6 fd00:66::/64\niroute-ipv6 fd00:67::7/128\n")
	h.s.run(impl, h.s.serverConfig(serverParty(t, plain, "management "+socket+" unix", "client-config-dir "+h.s.dir,
		"route 10.66.0.0 255.255.0.0", "status "+file+" 1", "status-version 2"))).up()
	clientFile := filepath.Join(h.c.dir, "client")
	h.c.run(impl, h.c.clientConfig(clientParty(t, plain, "status "+clientFile+" 1"), h.w.b4)).up()
	m := newManager(t, socket)
	// The exporter reads copies, for it must not meet a file that is being written.
	paths := []string{
		h.s.file("server2.read", statusWith(t, file, "CLIENT_LIST,"+clientName)),
		h.c.file("client.read", statusWith(t, clientFile)),
	}
	for _, version := range []string{"1", "3"} {
		paths = append(paths, h.s.file("server"+version, strings.Join(m.ask("status "+version), "\n")+"\n"))
	}
	h.s.start("exporter", unpacked(t, "openvpn_exporter"), "-web.listen-address", "127.0.0.1:9176", "-openvpn.status_paths", strings.Join(paths, ","))
	var text string
	h.s.eventually("the exporter answers", func() bool {
		p := h.s.helper("fetch", "http://127.0.0.1:9176/metrics")
		err := p.wait(patience)
		text = p.log()
		return err == nil
	})
	return metrics(text)
}

// metrics are the lines about OpenVPN, in order.
func metrics(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "openvpn_") {
			continue
		}
		for _, m := range []struct{ pattern, with string }{
			{`status_path="[^"]*/`, `status_path="`},
			{`(198\.18\.\d+\.\d+):\d+`, "$1:PORT"},
			{`connection_time="\d+"`, `connection_time="TIME"`},
			{`((?:bytes_total|time_seconds)\{.*\}) \S+`, "$1 N"},
		} {
			line = regexp.MustCompile(m.pattern).ReplaceAllString(line, m.with)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}
