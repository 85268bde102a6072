//go:build interop

package interop

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"culvert/nic/frame"
	"culvert/operate/backend"
)

// A storm is this many broadcasts a second, for a time.
const (
	stormRate = 20_000
	stormTime = 4 * time.Second
)

// storm sends broadcasts on a device, in ticks of a millisecond.
func storm(device string) error {
	dev, err := net.InterfaceByName(device)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	if err != nil {
		return err
	}
	to := &unix.SockaddrLinklayer{Ifindex: dev.Index}
	b := frame.Header{Dst: frame.Broadcast, Src: frame.MAC(dev.HardwareAddr), Type: 0x88b5}.Append(nil) // for experiments
	b = append(b, make([]byte, 200)...)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	fmt.Println("answering")
	start, sent := time.Now(), 0
	for now := range tick.C {
		for ; sent < int(now.Sub(start).Seconds()*stormRate); sent++ {
			binary.BigEndian.PutUint32(b[frame.HeaderLen:], uint32(sent))
			if err := unix.Sendto(fd, b, 0, to); err != nil && err != unix.ENOBUFS {
				return err
			}
		}
		if now.Sub(start) > stormTime {
			break
		}
	}
	fmt.Println("sent", sent)
	return nil
}

// flood starts a storm on a host's TAP device.
func (n *netns) flood() *process {
	n.t.Helper()
	p := n.helper("storm", tapDevice)
	p.expect(answering, 1, patience)
	return p
}

// received is how many packets a device has had from its other end.
func (n *netns) received(dev string) int {
	n.t.Helper()
	return must(strconv.Atoi(strings.TrimSpace(n.output("cat", "/sys/class/net/"+dev+"/statistics/rx_packets"))))
}

// TestStorm: while one client floods, another goes on, nobody is dropped, and
// our server lets little of the flood through.
func TestStorm(t *testing.T) {
	a, b, s := twoClients(t, pairing{stock, ours}, "client-to-client")
	v4, _ := b.device(tapDevice)
	a.ping(v4.prefix.Addr())
	connected, before := s.peers(), s.received(tapDevice)
	flood := b.flood()
	a.ping(serverIPv4)
	if err := flood.wait(patience); err != nil {
		t.Fatal(err, flood.log())
	}
	if passed, sent := s.received(tapDevice)-before, stormRate*int(stormTime/time.Second); passed > sent/4 {
		t.Errorf("%d frames passed of %d", passed, sent)
	}
	a.ping(serverIPv4)
	b.ping(serverIPv4)
	a.ping(v4.prefix.Addr())
	if after := s.peers(); len(after) != 2 || !maps.Equal(connected, after) {
		t.Errorf("connected before, and since when: %v, and after: %v", connected, after)
	}
}

// peers are the clients of our server on a host, and since when.
func (n *netns) peers() map[string]time.Time {
	n.t.Helper()
	var s backend.Status
	if err := json.Unmarshal([]byte(n.output(n.command("status", "--json")...)), &s); err != nil {
		n.t.Fatal(err)
	}
	since := make(map[string]time.Time)
	for _, p := range s.Peers {
		since[p.Name] = p.Since
	}
	return since
}

// stormRounds of a benchmark alternate between the servers.
const stormRounds = 5

// stormFigures are what one client felt: round trips to the server in
// milliseconds, and pings without an answer.
type stormFigures struct {
	name       string
	a, b       *netns // one that pings, and one that floods
	idle, busy []float64
	lost       int
}

// BenchmarkStorm prints the median round trip between a stock client and a
// server, ours and stock OpenVPN's, idle and while another client floods, and
// how much longer the latter is.
func BenchmarkStorm(b *testing.B) {
	var all []*stormFigures
	for _, server := range []implementation{ours, stock} {
		x, y, _ := twoClients(b, pairing{stock, server}, "client-to-client")
		all = append(all, &stormFigures{name: server.name, a: x, b: y})
	}
	for b.Loop() {
		for range stormRounds {
			for _, f := range all {
				f.round()
			}
		}
	}
	b.ReportMetric(0, "ns/op") // which says nothing
	for _, f := range all {
		idle, busy := median(f.idle), median(f.busy)
		b.ReportMetric(idle, f.name+"-idle-ms")
		b.ReportMetric(busy, f.name+"-storm-ms")
		b.ReportMetric(busy/idle, f.name+"-ratio")
		b.ReportMetric(100*float64(f.lost)/float64(f.lost+len(f.busy)), f.name+"-lost-%")
	}
}

// round measures idle, and then in a storm.
func (f *stormFigures) round() {
	times, _ := f.a.roundTrips(serverIPv4)
	f.idle = append(f.idle, times...)
	flood := f.b.flood()
	times, lost := f.a.roundTrips(serverIPv4)
	f.busy, f.lost = append(f.busy, times...), f.lost+lost
	if err := flood.wait(patience); err != nil {
		f.b.t.Fatal(err, flood.log())
	}
	f.b.ping(serverIPv4) // nothing of the storm is waiting any more
}

var pingTime = regexp.MustCompile(`time=([\d.]+) ms`)

// roundTrips are those of pings within two seconds, in milliseconds, and how
// many had no answer.
func (n *netns) roundTrips(to netip.Addr) (times []float64, lost int) {
	n.t.Helper()
	const count = 100
	for _, m := range pingTime.FindAllStringSubmatch(n.output("ping", "-n", "-c", strconv.Itoa(count), "-i", "0.02", to.String()), -1) {
		times = append(times, must(strconv.ParseFloat(m[1], 64)))
	}
	return times, count - len(times)
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
