package splitdns

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	maxAtOnce  = 512              // queries under way; more over UDP are dropped, and over TCP wait
	maxSide    = maxAtOnce / 2    // of them to the tunnel's servers, and to the host's; more fail at once
	maxStreams = 64               // connections of askers
	idle       = 10 * time.Second // how long a connection may be without a query
	writeTime  = 5 * time.Second  // how long an asker may take to read an answer
	sayEvery   = time.Minute      // how often the same trouble is logged
)

// Settings are what a Server goes by. They are replaced as a whole.
type Settings struct {
	Rules  Rules
	Tunnel []Upstream // the tunnel's servers; none: this host's own are asked for all names
	// Own returns this host's own servers for a name.
	Own  func(ctx context.Context, name string) ([]Upstream, error)
	Dial Dial
	// Learn is given the addresses of chosen names, before the asker is; nil: nobody is. An
	// error keeps the answer back if KeepBack says so: packets would go outside.
	Learn    func(ctx context.Context, addrs []netip.Addr, lifetime time.Duration) error
	KeepBack bool
}

// set are Settings in use.
type set struct {
	Settings
	table *table
}

// Server is a resolver that listens. Make it with New.
type Server struct {
	sockets Sockets
	log     *slog.Logger
	set     atomic.Pointer[set]
	aliases aliases
	slots   chan struct{}
	sides   map[bool]chan struct{} // as slots, of queries for the tunnel and of others
	troubles

	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// New returns a server at sockets, which are its own from now on. It answers once it has
// Settings.
func New(at Sockets, log *slog.Logger) *Server {
	s := &Server{sockets: at, log: log, slots: make(chan struct{}, maxAtOnce), sides: map[bool]chan struct{}{false: make(chan struct{}, maxSide), true: make(chan struct{}, maxSide)}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Set sets what to go by. With the first call the server begins to answer.
func (s *Server) Set(to Settings) {
	if s.set.Swap(&set{to, newTable(to.Rules)}) != nil || s.sockets.UDP == nil {
		return
	}
	s.running.Go(s.datagrams)
	s.running.Go(s.streams)
}

// Addr returns where the server listens.
func (s *Server) Addr() netip.AddrPort { return s.sockets.Addr }

// Close ends the server.
func (s *Server) Close() {
	s.cancel()
	s.sockets.Close()
	s.running.Wait()
}

// datagrams answers queries over UDP.
func (s *Server) datagrams() {
	buf := make([]byte, maxQuery+1)
	for {
		n, from, err := s.sockets.UDP.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(again)
			continue
		}
		if n > maxQuery || !from.Addr().Unmap().IsLoopback() {
			continue
		}
		select {
		case s.slots <- struct{}{}:
		default:
			s.say("more questions for names wait for answers than there is room for; some are dropped", nil)
			continue
		}
		query := append([]byte(nil), buf[:n]...)
		s.running.Go(func() {
			defer s.done()
			if msg := s.answer(s.ctx, query, false); msg != nil {
				s.sockets.UDP.WriteToUDPAddrPort(msg, from)
			}
		})
	}
}

func (s *Server) done() { <-s.slots }

// streams takes connections.
func (s *Server) streams() {
	free := make(chan struct{}, maxStreams)
	for {
		free <- struct{}{}
		conn, err := s.sockets.TCP.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			<-free
			time.Sleep(patience) // out of descriptors
			continue
		}
		s.running.Go(func() {
			defer func() { conn.Close(); <-free }()
			s.stream(conn)
		})
	}
}

// stream answers the queries of a connection, one after the other.
func (s *Server) stream(conn net.Conn) {
	defer context.AfterFunc(s.ctx, func() { conn.Close() })()
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		return
	}
	for {
		conn.SetReadDeadline(time.Now().Add(idle))
		query, err := readStream(conn)
		if err != nil {
			return
		}
		select {
		case s.slots <- struct{}{}:
		case <-s.ctx.Done():
			return
		}
		msg := s.answer(s.ctx, query, true)
		s.done()
		if msg == nil {
			return
		}
		conn.SetWriteDeadline(time.Now().Add(writeTime))
		if writeStream(conn, msg) != nil {
			return
		}
	}
}

// answer returns the answer to a query; nil: there is none to give.
func (s *Server) answer(ctx context.Context, query []byte, stream bool) []byte {
	q, err := parseQuestion(query)
	var refused *refusal
	switch {
	case errors.As(err, &refused):
		return failed(query, q, refused.code)
	case err != nil:
		return nil
	}
	now := s.set.Load()
	d := s.decide(now.table, q.name)
	msg, err := s.forward(ctx, now, d, exchange{query: query, q: q, stream: stream, tunnel: d.Tunnel, dial: now.Dial})
	if err == nil && d.Learn && now.Learn != nil {
		if err = s.learn(ctx, now, msg, q.name, d); errors.Is(err, errCut) {
			return truncated(query, q) // and it comes whole by TCP
		}
	}
	if err != nil {
		return failed(query, q, dnsmessage.RCodeServerFailure)
	}
	if !stream && len(msg) > q.room {
		return truncated(query, q)
	}
	return msg
}

// decide is by the rules, and for a name that they do not name, by the chosen one that led
// there.
func (s *Server) decide(t *table, name string) Decision {
	d, named := t.decide(name)
	if as, ok := s.aliases.of(name, time.Now()); ok {
		d.Learn = d.Learn || as.Learn
		if !named {
			d.Tunnel = as.Tunnel
		}
	}
	return d
}

// forward passes a query on to those who are to be asked.
func (s *Server) forward(ctx context.Context, now *set, d Decision, x exchange) ([]byte, error) {
	upstreams, whose := now.Tunnel, "the tunnel's"
	var err error
	if x.tunnel = d.Tunnel && len(now.Tunnel) > 0; !x.tunnel {
		whose = "this host's own"
		upstreams, err = now.Own(ctx, x.q.name)
	}
	var msg []byte
	if err == nil {
		msg, err = s.beside(s.sides[x.tunnel], func() ([]byte, error) { return x.ask(ctx, upstreams) })
	}
	if err != nil && ctx.Err() == nil {
		s.say("a name could not be asked at "+whose+" name servers", err)
	}
	return msg, err
}

// beside calls ask if there is a slot, so that servers on one side that are silent take no
// room from the other's.
func (s *Server) beside(slots chan struct{}, ask func() ([]byte, error)) ([]byte, error) {
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
		return ask()
	default:
		return nil, errBusy
	}
}

var errBusy = errors.New("too many questions wait for their answers")

// learn has the addresses in an answer learned, and remembers the names it leads to.
func (s *Server) learn(ctx context.Context, now *set, msg []byte, name string, d Decision) error {
	f, err := learn(msg, name)
	if err != nil && isTruncated(msg) {
		return errCut
	}
	if err == nil && len(f.addrs) > 0 {
		err = now.Learn(ctx, f.addrs, f.lifetime)
	}
	switch {
	case err == nil:
		s.aliases.add(f.aliases, d, time.Now(), f.lifetime)
	case now.KeepBack:
		s.say("the addresses of a name for the tunnel could not be learned, so its answer is kept back: packets there would go outside", err, "name", name)
	default:
		s.say("the addresses of a name that is to go past the tunnel could not be learned, so packets there go into it", err, "name", name)
		err = nil
	}
	return err
}

// troubles says when each trouble was logged last.
type troubles struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// say logs a trouble, not more than once a minute each.
func (s *Server) say(text string, err error, more ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[string]time.Time{}
	}
	if now := time.Now(); now.Sub(s.last[text]) >= sayEvery {
		s.last[text] = now
		if err != nil {
			more = append(more, "error", err)
		}
		s.log.Warn(text, more...)
	}
}
