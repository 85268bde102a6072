//go:build interop

package filter

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"culvert/operate/manage/packettest"
)

// various are packets that differ in all that conditions look at.
func various() (list [][]byte) {
	hosts4, hosts6 := []string{"10.8.0.1", "10.8.0.6", "192.0.2.80"}, []string{"fd00:8::1", "fd00:8::6", "2001:db8::80"}
	for _, hosts := range [][]string{hosts4, hosts6} {
		for _, src := range hosts {
			for _, dst := range hosts {
				list = append(list, packettest.Echo(src, dst, 104))
				for _, ports := range [][2]int{{40000, 443}, {53, 5353}, {80, 53}} {
					from, to := at(src, ports[0]), at(dst, ports[1])
					list = append(list, packettest.UDP(from, to, ports[0]%50), packettest.TCP(from, to, "S", 0), packettest.TCP(from, to, "AF", 300))
				}
			}
		}
	}
	return append(list, packettest.LaterFragment("10.8.0.6", "10.8.0.1"))
}

func at(host string, port int) string {
	if strings.Contains(host, ":") {
		return fmt.Sprintf("[%s]:%d", host, port)
	}
	return fmt.Sprintf("%s:%d", host, port)
}

// maker makes expressions by chance, the same ones each time.
type maker struct{ *rand.Rand }

func (m maker) of(list ...string) string { return list[m.IntN(len(list))] }

func (m maker) expression(depth int) string {
	text := m.term(depth)
	for m.IntN(2) == 0 {
		text += " " + m.of("and", "or", "&&", "||") + " " + m.term(depth)
	}
	return text
}

func (m maker) term(depth int) string {
	if depth > 0 {
		switch m.IntN(4) {
		case 0:
			return m.of("not ", "! ") + m.term(depth-1)
		case 1:
			return "(" + m.expression(depth-1) + ")"
		}
	}
	dir := m.of("", "", "src ", "dst ", "src or dst ", "src and dst ")
	host := m.of("10.8.0.1", "10.8.0.6", "192.0.2.80", "fd00:8::1", "2001:db8::80")
	switch m.IntN(9) {
	case 0:
		return m.of("ip", "ip6", "tcp", "udp", "icmp", "icmp6", "sctp")
	case 1:
		return dir + "host " + host
	case 2:
		return dir + "net " + m.of("10.8.0.0/24", "10.8", "10", "192.0.2.0/25", "fd00:8::/64", "2001:db8::/32")
	case 3:
		return m.of("", "tcp ", "udp ") + dir + "port " + m.of("443", "53", "80", "domain") + m.of("", " or 5353", " and 53")
	case 4:
		return m.of("", "udp ") + dir + "portrange " + m.of("50-60", "1-443", "40000-50000")
	case 5:
		return m.of("less ", "greater ") + m.of("40", "60", "104", "200")
	case 6:
		return m.of("ip proto ", "ip6 proto ", "proto ") + m.of("1", "6", "17", "58", `\tcp`, `\udp`)
	case 7:
		return m.of("ip[9] = 6", "ip[2:2] > 60", "ip[6:2] & 0x1fff != 0", "ip6[6] = 17", "len - 4 > 100", "len * 2 & 0xf0 = 0x40", "(len >> 2) % 3 = 1")
	}
	// Of bytes behind IP, pcap reads those over IPv4.
	return "(ip and " + m.of("tcp[tcpflags] & tcp-syn != 0", "tcp[13] & (tcp-fin|tcp-ack) = 17", "udp[2:2] = 53", "icmp[icmptype] = icmp-echo", "not tcp[2:2] = 443") + ")"
}

// TestAsTcpdump: tcpdump chooses the same packets, by whatever expression.
func TestAsTcpdump(t *testing.T) {
	packets := various()
	file := filepath.Join(t.TempDir(), "packets.pcap")
	write(t, file, packets)
	m := maker{rand.New(rand.NewPCG(4, 12))}
	chosen := 0
	for range 300 {
		text := m.expression(3)
		f, err := Parse(text, IP)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		theirs, refused := tcpdump(t, file, text)
		if refused { // it has found that nothing can match
			theirs = nil
		}
		for i, p := range packets {
			if f.Match(p) != theirs[i] {
				t.Errorf("%s: packet %d: ours %v, tcpdump %v", text, i, f.Match(p), theirs[i])
				break
			}
			if theirs[i] {
				chosen++
			}
		}
	}
	if chosen < 1000 {
		t.Errorf("only %d packets were chosen: the expressions show little", chosen)
	}
}

// write makes a file whose packets tell their number by their time.
func write(t *testing.T, file string, packets [][]byte) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := pcapgo.NewWriter(f)
	if err := w.WriteFileHeader(65535, layers.LinkTypeRaw); err != nil {
		t.Fatal(err)
	}
	for i, p := range packets {
		if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: time.Unix(int64(i), 0), CaptureLength: len(p), Length: len(p)}, p); err != nil {
			t.Fatal(err)
		}
	}
}

// tcpdump are the numbers of the packets that it chooses. Its optimizer is off
// (-O): libpcap 1.10.3 has it drop a length that is asked for twice.
func tcpdump(t *testing.T, file, text string) (numbers map[int]bool, refused bool) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command("tcpdump", "-O", "-n", "-r", file, "-w", "-", text)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if strings.Contains(errs.String(), "expression rejects all packets") {
			return nil, true
		}
		t.Fatalf("tcpdump %q: %v\n%s", text, err, &errs)
	}
	r, err := pcapgo.NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	numbers = make(map[int]bool)
	for {
		_, ci, err := r.ReadPacketData()
		if err == io.EOF {
			return numbers, false
		}
		if err != nil {
			t.Fatal(err)
		}
		numbers[int(ci.Timestamp.Unix())] = true
	}
}
