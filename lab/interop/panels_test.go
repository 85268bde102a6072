//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestPanels: small programs that read what monitors (openvpn-monitor) and panels
// (ovpn-admin) do, by the names of columns, and send away and configure clients as these
// do. They see the same of OpenVPN and of ours.
func TestPanels(t *testing.T) {
	t.Parallel()
	theirs, ours := panels(t, stock), panels(t, ours)
	slices.Sort(theirs) // OpenVPN has routes in the order of a hash
	slices.Sort(ours)
	if !slices.Equal(theirs, ours) {
		t.Errorf("OpenVPN:\n%s\nours:\n%s", strings.Join(theirs, "\n"), strings.Join(ours, "\n"))
	}
}

func panels(t *testing.T, impl implementation) (saw []string) {
	h := newHosts(t)
	socket := filepath.Join(h.s.dir, "management")
	h.s.run(impl, h.s.serverConfig(serverParty(t, plain, "management "+socket+" unix", "client-config-dir "+h.s.dir))).up()
	m := newManager(t, socket)
	client := func() *process { return h.c.run(stock, h.c.clientConfig(clientParty(t, plain), h.w.b4)).up() }
	first := client()
	h.s.eventually("one client is in", func() bool { return strings.HasPrefix(m.ask("load-stats")[0], "SUCCESS: nclients=1,") })
	saw = append(saw, monitored(t, m)...)
	rows := columns(m.ask("status 3"), "\t")
	address := rows[0]["Real Address"]
	saw = append(saw, strings.ReplaceAll(m.ask("kill " + address)[0], address, "ADDRESS"))
	first.stop(syscall.SIGTERM)
	h.s.file(clientName, "ifconfig-push 10.8.0.77 255.255.255.0\npush \"route 10.66.0.0 255.255.0.0\"\n")
	client()
	h.s.eventually("the panel's address is in use", func() bool {
		return slices.ContainsFunc(administered(t, m.ask("status")), func(row string) bool { return strings.HasSuffix(row, " at 10.8.0.77") })
	})
	if routes := h.c.ip("route"); !strings.Contains(routes, "10.66.0.0/16") {
		t.Errorf("%s: the panel's route is not pushed:\n%s", impl.name, routes)
	}
	return append(saw, m.ask("kill " + clientName)[0])
}

// monitored is what a monitor shows.
func monitored(t *testing.T, m *manager) (saw []string) {
	title := m.ask("version")[0]
	if !regexp.MustCompile(`^OpenVPN Version: OpenVPN 2\.\d+(\.\d+|_\w+) \S+ \[`).MatchString(title) {
		t.Errorf("the title has no version: %q", title)
	}
	state := strings.Split(m.ask("state")[0], ",")
	since, err := strconv.ParseInt(state[0], 10, 64)
	if err != nil || time.Since(time.Unix(since, 0)) > time.Hour {
		t.Errorf("up since %q: %v", state[0], err)
	}
	saw = append(saw, strings.Join(state[1:4], " "))
	for _, row := range columns(m.ask("status 3"), "\t") {
		if name := row["Common Name"]; row["Connected Since"] == "" {
			saw = append(saw, fmt.Sprintf("route %s leads to %s", row["Virtual Address"], name))
			continue
		}
		at, err := netip.ParseAddrPort(row["Real Address"])
		if err != nil {
			t.Error(err)
		}
		for _, number := range []string{"Bytes Received", "Bytes Sent", "Connected Since (time_t)", "Client ID", "Peer ID"} {
			if _, err := strconv.ParseUint(row[number], 10, 64); err != nil {
				t.Errorf("%s: %v", number, err)
			}
		}
		saw = append(saw, strings.Join([]string{row["Common Name"], row["Username"], at.Addr().String(), row["Virtual Address"], row["Virtual IPv6 Address"], row["Data Channel Cipher"]}, " "))
	}
	return saw
}

// columns are the rows of a status of version 2 or 3, by the names in their headers.
func columns(lines []string, separator string) (rows []map[string]string) {
	headers := map[string][]string{}
	for _, line := range lines {
		fields := strings.Split(line, separator)
		if fields[0] == "HEADER" {
			headers[fields[1]] = fields[2:]
			continue
		}
		names := headers[fields[0]]
		if len(names) == 0 || len(names) != len(fields)-1 {
			continue
		}
		row := map[string]string{}
		for i, name := range names {
			row[name] = fields[i+1]
		}
		rows = append(rows, row)
	}
	return rows
}

// administered is what a panel reads of a status of version 1: who is there, since when,
// and the addresses that lead to them.
func administered(t *testing.T, lines []string) (saw []string) {
	part := ""
	for _, line := range lines {
		fields := strings.Split(line, ",")
		switch {
		case slices.Contains([]string{"OpenVPN CLIENT LIST", "ROUTING TABLE", "GLOBAL STATS", "END"}, line):
			part = line
		case fields[0] == "Updated" || fields[0] == "Common Name" || fields[0] == "Virtual Address":
		case part == "OpenVPN CLIENT LIST":
			if _, err := time.ParseInLocation(time.DateTime, fields[4], time.Local); err != nil {
				t.Error(err)
			}
			saw = append(saw, fields[0])
		case part == "ROUTING TABLE":
			saw = append(saw, fields[1]+" at "+fields[0])
		}
	}
	return saw
}
