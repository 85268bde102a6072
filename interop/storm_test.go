//go:build interop

package interop

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"culvert/nic/frame"
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

var (
	pingTimes = regexp.MustCompile(`= [\d.]+/([\d.]+)/`)
	pingLoss  = regexp.MustCompile(`([\d.]+)% packet loss`)
)

// pings are 100 echoes from one host to another: their mean round trip in
// milliseconds, and the loss in per cent.
func (n *netns) pings(to netip.Addr) (mean, loss float64) {
	n.t.Helper()
	out := n.output("ping", "-n", "-q", "-c", "100", "-i", "0.02", to.String())
	mean = must(strconv.ParseFloat(pingTimes.FindStringSubmatch(out)[1], 64))
	loss = must(strconv.ParseFloat(pingLoss.FindStringSubmatch(out)[1], 64))
	return mean, loss
}

// received is how many packets a device has had from its other end.
func (n *netns) received(dev string) int {
	n.t.Helper()
	return must(strconv.Atoi(strings.TrimSpace(n.output("cat", "/sys/class/net/"+dev+"/statistics/rx_packets"))))
}

// TestStorm: while one client floods, another goes on, and nobody is dropped.
// Round trips are printed, and are no assertion; how much of the flood our
// server lets through is one.
func TestStorm(t *testing.T) {
	for _, server := range []implementation{stock, ours} {
		t.Run(server.name+"-server", func(t *testing.T) {
			a, b, s := twoClients(t, pairing{stock, server}, "client-to-client")
			v4, _ := b.device(tapDevice)
			a.ping(v4.prefix.Addr())
			idle, _ := a.pings(serverIPv4)
			before := s.received(tapDevice)
			flood := b.helper("storm", tapDevice)
			flood.expect(answering, 1, patience)
			busy, loss := a.pings(serverIPv4)
			if err := flood.wait(patience); err != nil {
				t.Fatal(err, flood.log())
			}
			passed := s.received(tapDevice) - before
			t.Logf("mean round trip %.2f ms idle, %.2f ms in a storm of %d a second, %.0f%% lost; %d frames passed",
				idle, busy, stormRate, loss, passed)
			if sent := stormRate * int(stormTime/time.Second); server.name == ours.name && passed > sent/4 {
				t.Errorf("%d frames passed of %d", passed, sent)
			}
			a.ping(serverIPv4)
			b.ping(serverIPv4)
			a.ping(v4.prefix.Addr())
		})
	}
}
