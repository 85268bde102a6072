package client

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/buf"
	"culvert/internal/simnet"
	"culvert/link"
	"culvert/role/event"
)

// streams are connections to servers on a network, as if over TCP: behind each is a relay
// that carries its packets on as datagrams.
type streams struct {
	network *simnet.Network

	mu  sync.Mutex
	all []*stream
}

// stream is one.
type stream struct {
	net.Conn
	from, to net.Addr
	stuck    atomic.Bool // nothing more is read of what the client sends
	closed   chan struct{}
	once     sync.Once
}

func (s *stream) LocalAddr() net.Addr  { return s.from }
func (s *stream) RemoteAddr() net.Addr { return s.to }

func (s *stream) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.Conn.Close()
}

// dial is an Options.Dial.
func (s *streams) dial(_ context.Context, _ link.Options, to netip.AddrPort) (net.Conn, error) {
	way, err := s.network.Listen(netip.AddrPortFrom(wifi.Source, nextPort()))
	if err != nil {
		return nil, err
	}
	here, there := net.Pipe()
	conn := &stream{Conn: here, from: net.TCPAddrFromAddrPort(way.LocalAddr()), to: net.TCPAddrFromAddrPort(to), closed: make(chan struct{})}
	relay := link.NewTCP(there, link.TCPOptions{Drop: true})
	go func() {
		defer way.Close()
		for batch := buf.NewBatch(1, buf.DefaultSize); ; way.WriteBatch(batch) {
			if _, err := relay.ReadBatch(batch); err != nil {
				return
			}
			if conn.stuck.Load() {
				<-conn.closed
				return
			}
			batch[0].Path = buf.Path{Remote: to}
		}
	}()
	go func() {
		defer relay.Close()
		for batch := buf.NewBatch(1, buf.DefaultSize); ; relay.WriteBatch(batch) {
			if _, err := way.ReadBatch(batch); err != nil {
				return
			}
		}
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, conn)
	return conn, nil
}

// sticks has the server of a connection read no more, and its queue filled by packets from
// an address.
func (s *streams) sticks(t *testing.T, c *near, number int, from string) {
	t.Helper()
	s.mu.Lock()
	s.all[number].stuck.Store(true)
	s.mu.Unlock()
	for range 4 * link.DefaultQueueLimit {
		c.nic.Inject(innerPacket(from, "10.77.0.1", "stuck"))
	}
	synctest.Wait()
}

// TestStuck: a server over TCP that reads no more holds up nothing once it was left, and a
// connection over TCP from an address that is gone is not kept.
func TestStuck(t *testing.T) {
	const old, given = "10.8.0.2", "10.9.0.7"
	for name, c := range map[string]struct {
		idle  bool // nothing is open from the address of before
		moved func(t *testing.T, c *near, s *streams, host *fakeNetwork, one *far)
		ends  string
	}{
		"before it is left, with nothing open": {idle: true, moved: func(t *testing.T, c *near, s *streams, _ *fakeNetwork, _ *far) {
			s.sticks(t, c, 0, old)
			use(t, c, 1)
		}},
		"before it is left": {moved: func(t *testing.T, c *near, s *streams, _ *fakeNetwork, _ *far) {
			s.sticks(t, c, 0, old)
			use(t, c, 1)
		}},
		"before it is left, and dead": {moved: func(t *testing.T, c *near, s *streams, _ *fakeNetwork, one *far) {
			one.link.Close()
			s.sticks(t, c, 0, old)
			use(t, c, 1)
		}},
		"while it is kept": {moved: func(t *testing.T, c *near, s *streams, _ *fakeNetwork, _ *far) {
			use(t, c, 1)
			time.Sleep(time.Minute)
			s.sticks(t, c, 0, old)
		}},
		"by another way, while it is kept": {moved: func(t *testing.T, c *near, s *streams, host *fakeNetwork, _ *far) {
			use(t, c, 1)
			time.Sleep(time.Minute)
			host.mu.Lock()
			host.way, host.gone = mobile, true
			host.mu.Unlock()
			host.changes <- struct{}{}
			wait[event.Up](t, c, 3, time.Second)
		}, ends: "192.0.2.1 was kept for what was open from 10.8.0.2, and has ended: "},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, network *simnet.Network) {
				host := &fakeNetwork{way: wifi, idle: c.idle, changes: make(chan struct{}, 1)}
				one, two := serve(t, network, "192.0.2.1:1194"), serve(t, network, "192.0.2.2:1194")
				one.push = append(one.push, "ping-restart 120")
				two.push = []string{"ifconfig " + given + " 255.255.255.0", "topology subnet", "route-gateway 10.9.0.1", "ping 5", "ping-restart 20"}
				s := &streams{network: network}
				t.Cleanup(func() { time.Sleep(2 * time.Second) }) // what is stuck is given up
				n := connect(t, network, profileText("proto tcp", "remote 192.0.2.1", "remote 192.0.2.2", ada), func(o *Options) { o.Network, o.Dial = host, s.dial })
				wait[event.Up](t, n, 1, time.Minute)
				c.moved(t, n, s, host, one)
				n.nic.Inject(innerPacket(given, "10.77.0.1", "new"))
				time.Sleep(100 * time.Millisecond)
				if !slices.Contains(two.packets(), "new") {
					t.Error("the packet does not come to the new server")
				}
				if said := reported[event.Remark](n); c.ends != "" && !slices.ContainsFunc(said, func(r event.Remark) bool { return strings.Contains(r.Text, c.ends) }) {
					t.Errorf("said %+v", said)
				}
			})
		})
	}
}
