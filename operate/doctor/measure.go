package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"culvert/nic/userstack"
)

// measurements are what was found inside a tunnel.
type measurements struct {
	dns     []answeredDNS
	gateway netip.Addr // the server's address inside; not valid: not known
	delay   time.Duration
	lost    error // why the gateway did not answer
	// largest is the largest packet that the gateway echoed, in bytes with its IP
	// header, and tried the sizes.
	largest int
	tried   []int
	size    int     // of the packets of the test of throughput
	rate    float64 // bits a second each way by echoes; 0: not measured
	echoes  int
	sent    int
}

type answeredDNS struct {
	server netip.AddrPort
	took   time.Duration
	err    error
}

// measure asks the pushed name servers, and the server's address inside the tunnel.
func measure(ctx context.Context, s *userstack.Stack, t *trial) (m measurements) {
	var wait sync.WaitGroup
	if t.state.DNS != nil {
		m.dns = make([]answeredDNS, len(t.state.DNS.Servers))
		for i, at := range t.state.DNS.Servers {
			if at.Port() == 0 {
				at = netip.AddrPortFrom(at.Addr(), 53)
			}
			wait.Go(func() { m.dns[i] = askDNS(ctx, s, at) })
		}
	}
	wait.Go(func() { m.echo(ctx, s, t) })
	wait.Wait()
	return m
}

// askDNS asks a name server for the root's name servers, which each has.
func askDNS(ctx context.Context, s *userstack.Stack, at netip.AddrPort) (a answeredDNS) {
	a.server = at
	began := time.Now()
	conn, err := s.DialContext(ctx, "udp", at.String())
	if err != nil {
		a.err = err
		return a
	}
	defer conn.Close()
	const again = time.Second
	for ctx.Err() == nil {
		a.err = askOnce(ctx, conn, time.Now().Add(again))
		if a.err == nil {
			a.took = time.Since(began)
			return a
		}
	}
	return a
}

func askOnce(ctx context.Context, conn net.Conn, until time.Time) error {
	if d, ok := ctx.Deadline(); ok && d.Before(until) {
		until = d
	}
	const id = 0x2a17
	question := dnsmessage.Message{Header: dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("."), Type: dnsmessage.TypeNS, Class: dnsmessage.ClassINET}}}
	packet, err := question.Pack()
	if err == nil {
		err = conn.SetDeadline(until)
	}
	if err == nil {
		_, err = conn.Write(packet)
	}
	if err != nil {
		return err
	}
	answer := make([]byte, 4096)
	for {
		n, err := conn.Read(answer)
		if err != nil {
			return err
		}
		var h dnsmessage.Parser
		if header, err := h.Start(answer[:n]); err == nil && header.Response && header.ID == id {
			return nil
		}
	}
}

// sizes are those of packets that are tried, from the largest.
var sizes = []int{1500, 1472, 1420, 1400, 1360, 1312, 1280, 1200, 1024, 576}

// echoHeaders are the IP and ICMP headers of an echo over IPv4.
const echoHeaders = 28

// The short test of throughput: packets of this size, or the largest that passes if that
// is less, so many at a time, for so long.
const (
	testSize   = 1200
	testWindow = 32
	testFor    = time.Second
)

// echo measures by echoes of the server's address inside the tunnel: the delay, the
// largest packet, and what comes back in a second.
func (m *measurements) echo(ctx context.Context, s *userstack.Stack, t *trial) {
	if m.gateway = inside(t); !m.gateway.IsValid() {
		m.lost = errors.New("its address there is not known")
		return
	}
	for range 2 { // the first one may wait for an address to be looked up
		within, cancel := context.WithTimeout(ctx, time.Second)
		m.delay, m.lost = s.Ping(within, m.gateway)
		cancel()
		if m.lost == nil {
			break
		}
	}
	if m.lost != nil {
		return
	}
	m.findLargest(ctx, s, t)
	m.speed(ctx, s)
}

// inside is the server's IPv4 address inside the tunnel, as far as the push says.
func inside(t *trial) netip.Addr {
	if t.cfg == nil {
		return netip.Addr{}
	}
	if g := t.cfg.Routing.Gateway; g.IsValid() && g.Is4() {
		return g
	}
	if i := t.cfg.Adapter.Ifconfig; i != nil && i.Remote.IsValid() {
		return i.Remote
	}
	return netip.Addr{}
}

// findLargest finds the largest packet that comes back.
func (m *measurements) findLargest(ctx context.Context, s *userstack.Stack, t *trial) {
	within, cancel := context.WithTimeout(ctx, max(600*time.Millisecond, 4*m.delay))
	defer cancel()
	back := make([]bool, len(sizes))
	var wait sync.WaitGroup
	for i, size := range sizes {
		if size > t.cfg.Adapter.MTU {
			continue
		}
		m.tried = append(m.tried, size)
		wait.Go(func() {
			for range 2 {
				half, stop := context.WithTimeout(within, max(300*time.Millisecond, 2*m.delay))
				_, err := s.PingSize(half, m.gateway, size-echoHeaders)
				stop()
				if back[i] = err == nil; back[i] {
					return
				}
			}
		})
	}
	wait.Wait()
	for i, size := range sizes {
		if back[i] {
			m.largest = size
			return
		}
	}
}

// speed counts how many echoes come back in a second, with a window of them on their
// way.
func (m *measurements) speed(ctx context.Context, s *userstack.Stack) {
	ctx, cancel := context.WithTimeout(ctx, testFor)
	defer cancel()
	var wait sync.WaitGroup
	var mu sync.Mutex
	began := time.Now()
	m.size = min(testSize, max(m.largest, sizes[len(sizes)-1]))
	for range testWindow {
		wait.Go(func() {
			for ctx.Err() == nil {
				within, stop := context.WithTimeout(ctx, max(200*time.Millisecond, 4*m.delay))
				_, err := s.PingSize(within, m.gateway, m.size-echoHeaders)
				stop()
				if ctx.Err() != nil {
					return
				}
				mu.Lock()
				m.sent++
				if err == nil {
					m.echoes++
				}
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	m.rate = float64(m.echoes*m.size*8) / time.Since(began).Seconds()
}

func rateText(bits float64) string {
	switch {
	case bits >= 1e9:
		return fmt.Sprintf("%.1f Gbit/s", bits/1e9)
	case bits >= 1e6:
		return fmt.Sprintf("%.0f Mbit/s", bits/1e6)
	}
	return fmt.Sprintf("%.0f kbit/s", bits/1e3)
}
