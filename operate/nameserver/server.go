package nameserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Server answers at a zone's server. Make it with New, and have it Listen.
type Server struct {
	zone      *Zone
	upstreams []netip.AddrPort
	dial      Dial
	log       *slog.Logger
	waiting   *shares // questions that are passed on
	streams   *shares // connections
	mu        sync.Mutex
	servers   []*dns.Server
	running   sync.WaitGroup
}

// Dial connects to a name server: network is udp or tcp.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// How many questions may wait for other name servers, those of one client and all, and how
// many connections there may be.
const (
	passedOnEach = 64
	passedOn     = 512
	streamsEach  = 16
	streamsAll   = 1024
)

// New returns a server that answers for a zone, and asks the upstreams about all else, in
// order; nil: it refuses that. dial nil: a net.Dialer.
func New(z *Zone, upstreams []netip.AddrPort, dial Dial, log *slog.Logger) *Server {
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	return &Server{zone: z, upstreams: upstreams, dial: dial, log: log, waiting: newShares(passedOnEach, passedOn), streams: newShares(streamsEach, streamsAll)}
}

// Listen has the server answer questions to sockets, until Close.
func (s *Server) Listen(packets net.PacketConn, streams net.Listener) {
	for _, server := range []*dns.Server{{PacketConn: insidePackets{packets, s.zone}}, {Listener: insideStreams{streams, s.zone, s.streams}}} {
		server.Handler = s
		server.MaxTCPQueries, server.IdleTimeout = 100, func() time.Duration { return 10 * time.Second }
		server.ReadTimeout, server.WriteTimeout = 5*time.Second, 5*time.Second
		s.mu.Lock()
		s.servers = append(s.servers, server)
		s.mu.Unlock()
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		s.running.Go(func() {
			if err := server.ActivateAndServe(); err != nil && !errors.Is(err, net.ErrClosed) {
				s.log.Warn("names of clients are no longer answered", "error", err)
			}
		})
		<-started
	}
}

// Close ends all that Listen began.
func (s *Server) Close() {
	s.mu.Lock()
	all := s.servers
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, server := range all {
		_ = server.ShutdownContext(ctx)
	}
	s.running.Wait()
}

// ServeDNS implements dns.Handler. It answers clients in the tunnel, and nobody else.
func (s *Server) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	from := sourceOf(w.RemoteAddr())
	if !s.zone.inside(from) {
		return
	}
	m := s.reply(from, q, w.LocalAddr().Network() == "tcp")
	if m == nil {
		return
	}
	_ = w.WriteMsg(m)
}

// reply returns the answer to a question, which came over TCP or not; nil: there is none.
func (s *Server) reply(from netip.Addr, q *dns.Msg, tcp bool) *dns.Msg {
	refused := func(code int) *dns.Msg {
		m := new(dns.Msg)
		m.SetRcode(q, code)
		return fit(q, m, tcp)
	}
	switch {
	case q.Response:
		return nil
	case q.Opcode != dns.OpcodeQuery:
		return refused(dns.RcodeNotImplemented)
	case len(q.Question) != 1:
		return refused(dns.RcodeFormatError)
	}
	switch q.Question[0].Qtype {
	case dns.TypeANY, dns.TypeAXFR, dns.TypeIXFR:
		return refused(dns.RcodeRefused)
	}
	if m := s.zone.answer(q); m != nil {
		return fit(q, m, tcp)
	}
	if len(s.upstreams) == 0 {
		return refused(dns.RcodeRefused)
	}
	done, ok := s.waiting.take(from)
	if !ok {
		return refused(dns.RcodeServerFailure)
	}
	defer done()
	m, err := s.passOn(q, tcp)
	if err != nil {
		return refused(dns.RcodeServerFailure)
	}
	if m.Compress = true; !tcp { // as it came, or it could be longer than it was
		m.Truncate(int(sizeOf(q)))
	}
	return m
}

// The time limits for one name server, and for all together.
const (
	oneTime = 2 * time.Second
	allTime = 6 * time.Second
)

// passOn asks the upstreams in order, until one answers.
func (s *Server) passOn(q *dns.Msg, tcp bool) (m *dns.Msg, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), allTime)
	defer cancel()
	network := "udp"
	if tcp {
		network = "tcp"
	}
	for _, at := range s.upstreams {
		if m, err = s.ask(ctx, network, at, q); err == nil && m.Rcode != dns.RcodeServerFailure && m.Rcode != dns.RcodeRefused {
			return m, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	if err == nil {
		return m, nil
	}
	return nil, err
}

// ask asks one name server, under an id of its own.
func (s *Server) ask(ctx context.Context, network string, at netip.AddrPort, q *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, oneTime)
	defer cancel()
	conn, err := s.dial(ctx, network, at.String())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	own := q.Copy()
	own.Id = dns.Id()
	client := dns.Client{Net: network, UDPSize: sizeOf(q)}
	m, _, err := client.ExchangeWithConnContext(ctx, own, &dns.Conn{Conn: conn, UDPSize: sizeOf(q)})
	if err != nil {
		return nil, err
	}
	if !m.Response || len(m.Question) != 1 || m.Question[0] != q.Question[0] {
		return nil, fmt.Errorf("%v answered another question", at)
	}
	m.Id = q.Id
	return m, nil
}

// sizeOf returns how long an answer by UDP may be.
func sizeOf(q *dns.Msg) uint16 {
	if o := q.IsEdns0(); o != nil {
		return min(max(o.UDPSize(), dns.MinMsgSize), maxUDP)
	}
	return dns.MinMsgSize
}

// maxUDP is the longest answer by UDP, which every path carries.
const maxUDP = 1232

// fit adds what EDNS asks for, and cuts an answer that is too long for UDP.
func fit(q, m *dns.Msg, tcp bool) *dns.Msg {
	if o := q.IsEdns0(); o != nil {
		m.SetEdns0(maxUDP, o.Do())
	}
	if !tcp {
		m.Truncate(int(sizeOf(q)))
	}
	return m
}

// Upstreams returns the name servers, with the DNS port, that clients were to ask.
func Upstreams(addresses []netip.Addr, own []netip.Addr) (all []netip.AddrPort) {
	for _, a := range addresses {
		if at := netip.AddrPortFrom(a.Unmap(), 53); a.IsValid() && !slices.Contains(own, a.Unmap()) && !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	return all
}
