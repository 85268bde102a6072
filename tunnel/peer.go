package tunnel

import (
	"sync"
	"sync/atomic"
	"time"

	"culvert/internal/buf"
	"culvert/link"
	"culvert/session"
	"culvert/session/wire"
)

// maxMail bounds what waits for a peer's control goroutine. If a peer sends control
// packets faster than they are handled, some are lost, as on a full socket.
const maxMail = 64

// Peer is a running session: it knows where its packets go, and has the goroutine
// that owns its control side. That goroutine lives only while there is something to
// do, so an idle peer costs a timer.
type Peer struct {
	// Data is the session's data side, for any goroutine: everything that the road
	// calls for a packet.
	Data *session.Data
	// Session is the control side. It belongs to the control goroutine: call it
	// only from OnEvent and from functions given to Do.
	Session *session.Session
	// OnEvent is called for each of the session's events, on the control
	// goroutine. It may call the session.
	OnEvent func(now time.Time, e session.Event)
	// Owner is what the role keeps for the peer.
	Owner any
	// OnError, if not nil, is called with the error for a packet that the session
	// sent and the system did not take.
	OnError func(error)
	// Observer, if not nil, belongs to the road: it watches what the session sends.
	Observer *Watched

	Counters PeerCounters

	// MaxInner is the largest inner IP packet that TCP should use, in bytes; 0
	// leaves TCP alone. It may change while packets pass.
	MaxInner atomic.Int32
	// Cautious is the same while the path has not been measured (Measure), 0 for no other:
	// TCP keeps the segments that it begins with.
	Cautious atomic.Int32

	link  link.Link
	path  atomic.Pointer[buf.Path]
	width width
	found atomic.Pointer[PathFound] // nil: nothing yet
	// measures: Measure was called.
	measures atomic.Bool
	// answered: the other end has shown its session id (DeliverFrom).
	answered atomic.Bool

	// sending is held from the first packet that a sender seals for the peer in a
	// batch until the batch is sent. sender is the holder.
	sending sync.Mutex
	sender  atomic.Pointer[sender]

	mu      sync.Mutex
	mail    []func(now time.Time)
	working bool
	timer   *time.Timer
	ended   bool
}

// PeerCounters count a peer's traffic: inner packets and their bytes, and the bytes of the
// data channel's datagrams, pings and the like included.
type PeerCounters struct {
	InPackets, InBytes, OutPackets, OutBytes atomic.Uint64
	LinkIn, LinkOut                          atomic.Uint64
	Refused                                  atomic.Uint64 // failed to open
}

// NewPeer makes a peer for a session over a link. Nothing happens before the first
// Do or Deliver.
func NewPeer(s *session.Session, l link.Link, path buf.Path, onEvent func(*Peer, time.Time, session.Event)) *Peer {
	p := &Peer{Session: s, Data: s.Data(), link: l}
	p.OnEvent = func(now time.Time, e session.Event) { onEvent(p, now, e) }
	p.path.Store(&path)
	return p
}

// Path returns where the peer's packets go at present.
func (p *Peer) Path() buf.Path { return *p.path.Load() }

// Named is an owner that knows what people call its peer, "" as long as it does
// not. Implementing it is optional.
type Named interface{ PeerName() string }

// Name returns what people call the peer: what its owner says (Named), or its
// address.
func (p *Peer) Name() string {
	if owner, ok := p.Owner.(Named); ok {
		if name := owner.PeerName(); name != "" {
			return name
		}
	}
	return p.Path().Remote.String()
}

// SetPath sends the peer's packets elsewhere from now on (float).
func (p *Peer) SetPath(path buf.Path) {
	p.path.Store(&path)
	p.width.forget()
	p.NewWay()
}

// Link returns the socket that the peer came in by.
func (p *Peer) Link() link.Link { return p.link }

// Deliver hands a copy of a control packet to the session.
func (p *Peer) Deliver(packet []byte, onError func(error)) {
	packet = append([]byte(nil), packet...)
	p.post(maxMail, func(now time.Time) {
		if err := p.Session.Input(now, packet); err != nil {
			onError(err)
		}
	})
}

// DeliverFrom is Deliver for a session that this end began, with a packet that came
// by path. It takes packets only from the peer's address, since anyone who sees a
// session id on its way can send one. With float, the first answer may come from
// any address, which is the peer's from then on. If the packet came from elsewhere,
// DeliverFrom returns false and does nothing.
func (p *Peer) DeliverFrom(path buf.Path, float bool, packet []byte, onError func(error)) bool {
	elsewhere := path.Remote != p.Path().Remote
	if elsewhere && (!float || p.answered.Load()) {
		return false
	}
	packet = append([]byte(nil), packet...)
	p.post(maxMail, func(now time.Time) {
		if elsewhere && p.answered.Load() {
			return // another packet was first
		}
		if err := p.Session.Input(now, packet); err != nil {
			onError(err)
			return
		}
		if !p.answered.Swap(true) && elsewhere {
			p.SetPath(path)
		}
	})
	return true
}

// alarm gives the session its turn after a packet that failed, so that it can say why;
// once until it has.
func (p *Peer) alarm() {
	if p.Data.Alarm() {
		p.Do(func(time.Time) {})
	}
}

// Do runs f on the control goroutine, and then lets the session act on it. After
// Stop it does nothing.
func (p *Peer) Do(f func(now time.Time)) { p.post(0, f) }

// Stop ends the peer: it closes the session, and nothing runs any more. It may be
// called on the control goroutine or outside of it.
func (p *Peer) Stop() {
	p.Do(func(time.Time) {
		p.Session.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.ended = true
		if p.timer != nil {
			p.timer.Stop()
		}
	})
}

// post leaves f for the control goroutine and starts one if none runs. With a
// limit, f is dropped if that many wait already.
func (p *Peer) post(limit int, f func(time.Time)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended || limit > 0 && len(p.mail) >= limit {
		return
	}
	p.mail = append(p.mail, f)
	if !p.working {
		p.working = true
		go p.work()
	}
}

// work is the control goroutine: it empties the mail, lets the session send and
// report what it has, sets the timer and ends.
func (p *Peer) work() {
	for {
		p.mu.Lock()
		mail := p.mail
		p.mail = nil
		if len(mail) == 0 || p.ended {
			p.working = false
			p.setTimer()
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
		now := time.Now()
		for _, f := range mail {
			if f(now); p.ended { // by Stop, on this goroutine
				break
			}
		}
		p.settle(now)
	}
}

// Settle lets the session send and report what it has before Do continues. Call it
// only on the control goroutine. Called before Stop and the end of the link, it
// sends the session's last packets.
func (p *Peer) Settle(now time.Time) { p.settle(now) }

// settle gives the session its turn. Its events are handled before its packets
// are sent, so that a peer's answer finds the road open.
func (p *Peer) settle(now time.Time) {
	p.Session.Advance(now)
	for {
		events := p.Session.Events()
		if len(events) == 0 {
			break
		}
		for _, e := range events {
			p.OnEvent(now, e)
		}
	}
	p.Session.Output(now, p.send)
	p.Session.Path.Output(now, p.sendWhole)
}

// setTimer starts a timer for the session's deadline. The caller holds mu.
func (p *Peer) setTimer() {
	deadline := p.Session.Deadline()
	if p.ended || deadline.IsZero() {
		return
	}
	wait := max(time.Until(deadline), time.Millisecond)
	if p.timer == nil {
		p.timer = time.AfterFunc(wait, func() { p.Do(func(time.Time) {}) })
		return
	}
	p.timer.Reset(wait)
}

// controlPackets are for packets that the session itself sends.
var controlPackets = sync.Pool{New: func() any { return buf.New(buf.DefaultSize) }}

// send never waits for a slow peer: the session's clock, which notices that a
// peer is gone, runs on the same goroutine.
func (p *Peer) send(b []byte) { p.sendBy(p.link, b) }

func (p *Peer) sendBy(l link.Link, b []byte) {
	var packet *buf.Packet
	if len(b) > buf.DefaultSize {
		packet = buf.New(len(b))
	} else {
		packet = controlPackets.Get().(*buf.Packet)
		defer controlPackets.Put(packet)
	}
	packet.Set(b)
	packet.Path = p.Path()
	if op, _ := wire.ParseHead(b[0]); op.IsData() {
		p.Counters.LinkOut.Add(uint64(len(b)))
	}
	if err := tell(p.Observer, l, packet); err != nil && p.OnError != nil {
		p.OnError(err)
	}
}
