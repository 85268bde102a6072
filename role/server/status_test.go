package server

import (
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// moment is when the reference files were written.
var moment = time.Unix(1795399347, 0).UTC()

// referenceClients is the client in the reference files.
func referenceClients() []ClientStatus {
	return []ClientStatus{{
		ID: 0, PeerID: 0, Name: "lap", Remote: netip.MustParseAddrPort("198.18.77.2:58540"),
		IPv4: netip.MustParseAddr("10.8.0.2"), IPv6: netip.MustParseAddr("fd8c:aa2d:9836::1000"),
		Cipher: "AES-256-GCM", Since: moment.Add(-2 * time.Second), LastRef: moment.Add(-time.Second),
		BytesIn: 2826, BytesOut: 2607,
	}}
}

// TestStatusAsOpenVPN compares with files that OpenVPN 2.6.14 wrote, in UTC,
// their times and numbers set to those of one moment.
// Only the title may differ.
func TestStatusAsOpenVPN(t *testing.T) {
	for version := 1; version <= 3; version++ {
		want, err := os.ReadFile(filepath.Join("testdata", "status"+strconv.Itoa(version)))
		if err != nil {
			t.Fatal(err)
		}
		got := string(formatStatus(moment, version, referenceClients()))
		if withoutTitle(got) != withoutTitle(string(want)) {
			t.Errorf("version %d: got\n%s\nOpenVPN wrote\n%s", version, got, want)
		}
	}
}

func withoutTitle(text string) string {
	if strings.HasPrefix(text, "TITLE") {
		_, text, _ = strings.Cut(text, "\n")
	}
	return text
}

// TestStatusOfUsers: as OpenVPN 2.6.14 wrote of one client that is in with user
// name "fast", and two that connect, of which one has said who it is. Their peer-id
// and cipher are none yet; OpenVPN has numbers of its own there, and BF-CBC.
func TestStatusOfUsers(t *testing.T) {
	clients := []ClientStatus{
		{ID: 0, Name: "lap", Username: "fast", Remote: netip.MustParseAddrPort("127.0.0.1:50201"), IPv4: netip.MustParseAddr("10.8.2.2"),
			Cipher: "AES-256-GCM", Since: moment, LastRef: moment, BytesIn: 1910, BytesOut: 2024},
		{ID: 1, Connecting: true, PeerID: 16777215, Name: "ph", Username: "slow", Remote: netip.MustParseAddrPort("127.0.0.1:39565"), Since: moment},
		{ID: 2, Connecting: true, PeerID: 16777215, Name: "UNDEF", Remote: netip.MustParseAddrPort("127.0.0.1:57024"), Since: moment},
	}
	for version, want := range map[int]string{
		1: "lap,127.0.0.1:50201,1910,2024,2026-11-23 02:02:27\nph,127.0.0.1:39565,0,0,2026-11-23 02:02:27\nUNDEF,127.0.0.1:57024,0,0,2026-11-23 02:02:27\n" +
			"ROUTING TABLE\nVirtual Address,Common Name,Real Address,Last Ref\n10.8.2.2,lap,127.0.0.1:50201,2026-11-23 02:02:27\nGLOBAL",
		2: "CLIENT_LIST,lap,127.0.0.1:50201,10.8.2.2,,1910,2024,2026-11-23 02:02:27,1795399347,fast,0,0,AES-256-GCM\n" +
			"CLIENT_LIST,ph,127.0.0.1:39565,,,0,0,2026-11-23 02:02:27,1795399347,slow,1,16777215,\n" +
			"CLIENT_LIST,UNDEF,127.0.0.1:57024,,,0,0,2026-11-23 02:02:27,1795399347,UNDEF,2,16777215,\nHEADER",
		3: "CLIENT_LIST\tph\t127.0.0.1:39565\t\t\t0\t0\t2026-11-23 02:02:27\t1795399347\tslow\t1\t16777215\t\n",
	} {
		if got := string(formatStatus(moment, version, clients)); !strings.Contains(got, want) {
			t.Errorf("version %d: got\n%s\nwant\n%s", version, got, want)
		}
	}
}

// TestStatusOfNetworks: as OpenVPN 2.6.14 wrote of a client with networks behind it, and
// with single hosts.
func TestStatusOfNetworks(t *testing.T) {
	clients := []ClientStatus{{Name: "lap", Remote: netip.MustParseAddrPort("127.0.0.1:50201"), IPv4: netip.MustParseAddr("10.8.2.2"), LastRef: moment,
		Networks: []netip.Prefix{netip.MustParsePrefix("10.66.0.0/16"), netip.MustParsePrefix("10.67.0.7/32"), netip.MustParsePrefix("fd00:67::7/128")}}}
	got := string(formatStatus(moment, 2, clients))
	for _, address := range []string{"10.8.2.2", "10.66.0.0/16", "10.67.0.7/32", "fd00:67::7/128"} {
		if line := "ROUTING_TABLE," + address + ",lap,127.0.0.1:50201,2026-11-23 02:02:27,1795399347\n"; !strings.Contains(got, line) {
			t.Errorf("no line %q in\n%s", line, got)
		}
	}
}

// TestStatusForgery: a name cannot become two fields or lines.
func TestStatusForgery(t *testing.T) {
	c := referenceClients()
	c[0].Name = "a,b\tc\nEND\n\u202e\u009b\u2028"
	for version, want := range map[int]string{1: "a_b_c_END____,", 2: "a_b_c_END____,", 3: "a,b_c_END____\t"} {
		if got := string(formatStatus(moment, version, c)); !strings.Contains(got, want) || strings.Count(got, "END\n") != 1 {
			t.Errorf("version %d: %q not found in\n%s", version, want, got)
		}
	}
}

// TestRealAddressIPv6: OpenVPN leaves the port out, so that readers need not
// tell it from the address.
func TestRealAddressIPv6(t *testing.T) {
	if got := realAddress(netip.MustParseAddrPort("[fd00:77::2]:1194")); got != "fd00:77::2" {
		t.Error(got)
	}
}

func TestLastRef(t *testing.T) {
	var u usage
	start := moment
	for i, step := range []struct{ packets, want int }{{0, 0}, {5, 1}, {5, 1}, {6, 3}} {
		if got := u.seen(start.Add(time.Duration(i)*time.Second), start, uint64(step.packets)); got != start.Add(time.Duration(step.want)*time.Second) {
			t.Errorf("step %d: %v", i, got)
		}
	}
}
