package ether

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/mdlayher/ndp"

	"culvert/nic/ether/datagram"
	"culvert/nic/ether/neighbor"
	"culvert/nic/frame"
)

var update = flag.Bool("update", false, "rewrite the answers in testdata/clients.txt")

const recordings = "testdata/clients.txt"

// recording is a frame that a real client sent.
type recording struct {
	name    string
	frame   []byte
	answers string // lines
}

func readRecordings(t testing.TB) (head string, list []recording) {
	t.Helper()
	text, err := os.ReadFile(recordings)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(text), "\n\n")
	for part := range strings.SplitSeq(strings.TrimSpace(rest), "\n\n") {
		lines := strings.SplitN(part, "\n", 3)
		b, err := hex.DecodeString(lines[1])
		if err != nil {
			t.Fatalf("%s: %v", lines[0], err)
		}
		list = append(list, recording{lines[0], b, strings.Join(lines[2:], "")})
	}
	return head, list
}

// TestClients: what real clients were seen to send is answered as they need it.
func TestClients(t *testing.T) {
	head, list := readRecordings(t)
	var b strings.Builder
	fmt.Fprintln(&b, head)
	for _, r := range list {
		answers := r.asked(t, "10.8.0.2/24") + r.asked(t, "10.8.0.77/24")
		if got := strings.TrimSpace(answers); got != r.answers && !*update {
			t.Errorf("%s\ngot:\n%s\nwant:\n%s", r.name, got, r.answers)
		}
		fmt.Fprintf(&b, "\n%s\n%x\n%s", r.name, r.frame, answers)
	}
	if *update {
		if err := os.WriteFile(recordings, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// asked returns the answers to a frame where a server pushed an address, and what
// is logged from Info on.
func (r recording) asked(t *testing.T, address string) string {
	t.Helper()
	var log bytes.Buffer
	m := r.machine(&log)
	n := m.network
	n.IPv4.Address = netip.MustParsePrefix(address)
	m.update(start, n)
	var said []string
	for _, b := range m.tell(t, r.frame) {
		said = append(said, answerText(t, b))
	}
	for line := range strings.Lines(log.String()) {
		said = append(said, "log: "+strings.TrimSpace(line))
	}
	if said == nil {
		said = []string{"nothing"}
	}
	return address + ": " + strings.Join(said, "\n  ") + "\n"
}

// TestSaidOnce: something that a client asks for in vain is logged once, however
// often it asks, and again after another push.
func TestSaidOnce(t *testing.T) {
	_, list := readRecordings(t)
	for _, r := range list {
		if r.name != "dibbler 1.0.1, a prefix: DHCPv6 SOLICIT" && r.name != "udhcpc of BusyBox 1.35.0: DHCP DISCOVER" {
			continue
		}
		var log bytes.Buffer
		m := r.machine(&log)
		for range 3 {
			m.tell(t, r.frame)
		}
		if got := strings.Count(log.String(), "\n"); got != 1 {
			t.Errorf("%s: said %d times:\n%s", r.name, got, log.String())
		}
		m.update(start, m.network)
		if m.tell(t, r.frame); strings.Count(log.String(), "\n") != 2 {
			t.Errorf("%s: not said of another push:\n%s", r.name, log.String())
		}
	}
}

// machine is a segment with a client's adapter.
func (r recording) machine(log *bytes.Buffer) *answerer {
	n := pushed
	n.Lease = 2 * time.Minute
	n.IPv6.Address = netip.MustParsePrefix("fd00:8::1000/64")
	n.DNS = append(n.DNS, netip.MustParseAddr("203.0.113.1"))
	m := newMachine(n)
	adapter := frame.MAC(r.frame[6:])
	m.macs.Store(&macs{adapter: adapter, gateway: Gateway(adapter)})
	short := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.MessageKey {
			a.Value = slog.StringValue(strings.SplitN(a.Value.String(), ":", 3)[1])
			return a
		}
		return slog.Attr{}
	}
	m.log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{ReplaceAttr: short}))
	return m
}

// answerText is an answer in short.
func answerText(t *testing.T, b []byte) string {
	t.Helper()
	h, _ := frame.Parse(b)
	to := "to one"
	if h.Dst.IsGroup() {
		to = "to all"
	}
	if a, ok := neighbor.ParseARP(b[h.Len:]); h.Type == frame.TypeARP && ok {
		return fmt.Sprintf("ARP reply %s: %v is there", to, a.Sender)
	}
	if nd, ok := neighbor.ParseND(b[h.Len:]); ok {
		ra, _ := nd.Message.(*ndp.RouterAdvertisement)
		return fmt.Sprintf("advertisement %s: managed %v", to, ra != nil && ra.ManagedConfiguration)
	}
	d, ok := datagram.Parse(b[h.Len:])
	if !ok {
		t.Fatalf("%x is no answer", b)
	}
	if d.Src.Addr().Is4() {
		m, err := dhcpv4.FromBytes(d.Payload)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%v %s, %v: %v for %v", m.MessageType(), to, d.Dst.Addr(), m.YourIPAddr, m.IPAddressLeaseTime(0))
	}
	m, err := dhcpv6.MessageFromBytes(d.Payload)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%v %s%s", m.MessageType, to, given(m))
}

// given are the addresses and the status codes of an answer.
func given(m *dhcpv6.Message) (s string) {
	for _, ia := range m.Options.IANA() {
		for _, a := range ia.Options.Addresses() {
			s += fmt.Sprintf(", %v for %v", a.IPv6Addr, a.ValidLifetime)
		}
	}
	for _, pd := range m.Options.IAPD() {
		s += ", prefix: " + pd.Options.Status().StatusCode.String()
	}
	return s
}
