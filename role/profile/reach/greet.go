package reach

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"syscall"
	"time"

	"culvert/internal/buf"
	"culvert/link"
	"culvert/session"
)

// First is what came of the first exchange of a handshake with an address: a reset, and
// the answer to it.
type First struct {
	Answered bool
	Took     time.Duration
	// Clock is the peer's, by its packets; zero: they do not say.
	Clock time.Time
	// Foreign is how what came began, if it was no packet of this protocol or none for
	// this armour.
	Foreign []byte
	Strange int // packets that came and were none for this armour
	// Elsewhere is an address from which something came in place of the one that was
	// greeted; not valid: nothing did.
	Elsewhere netip.AddrPort
	Err       error // the socket's
}

// Refused reports whether the host said that nothing listens at the port.
func (f First) Refused() bool { return errors.Is(f.Err, syscall.ECONNREFUSED) }

// Greeting says how to greet.
type Greeting struct {
	// Again is how often it is looked whether the reset is to be sent again, as the
	// session's TLSTimeout has it; 0: it is sent once.
	Again time.Duration
	// Heed ends the exchange when the network says that nothing listens at the port,
	// which over UDP anybody can say.
	Heed bool
	// Anywhere takes an answer from another address than the one that was greeted.
	Anywhere bool
}

// Greet sends a client's reset over an open link until it is answered or ctx ends, and
// nothing after it: a server keeps nothing for one that only greets. The link is of no
// further use.
func Greet(ctx context.Context, l link.Link, to netip.AddrPort, cfg session.Config, g Greeting) (f First) {
	began := time.Now()
	s := session.NewClient(cfg, began)
	defer s.Close()
	in := Listen(l)
	var again <-chan time.Time
	if g.Again > 0 {
		timer := time.NewTicker(g.Again)
		defer timer.Stop()
		again = timer.C
	}
	for now := began; ; {
		s.Output(now, func(packet []byte) {
			if err := Send(l, to, packet); err != nil && f.Err == nil {
				f.Err = err
			}
		})
		select {
		case <-ctx.Done():
			return f
		case now = <-again:
			s.Advance(now)
			continue
		case a := <-in:
			if f.take(s, a, to, g.Anywhere) {
				f.Took = time.Since(began)
				if _, at := cfg.Wrapper.LastID(); f.Answered && at != 0 {
					f.Clock = time.Unix(int64(at), 0)
				}
				return f
			}
			if a.Ends || g.Heed && f.Refused() {
				return f
			}
		}
		now = time.Now()
	}
}

// take takes what came, and reports whether it is the answer.
func (f *First) take(s *session.Session, a Arrival, to netip.AddrPort, anywhere bool) bool {
	switch {
	case a.Err != nil:
		f.Err = a.Err
		var length *link.LengthError
		if errors.As(a.Err, &length) {
			f.Foreign, f.Strange = length.Start, f.Strange+1
		}
		return false
	case a.From != to && !anywhere:
		f.Elsewhere = a.From
		return false
	}
	before := s.Stats()
	_ = s.Input(time.Now(), a.Data) // what it refuses, it counts
	if after := s.Stats(); after.BadControl+after.Strays > before.BadControl+before.Strays {
		f.Strange++
		if f.Foreign == nil {
			f.Foreign = a.Data[:min(len(a.Data), 16)]
		}
		return false
	}
	for _, e := range s.Events() {
		if _, ok := e.(session.Answered); ok {
			f.Answered, f.Err = true, nil
		}
	}
	return f.Answered
}

// Send sends a packet of a session.
func Send(l link.Link, to netip.AddrPort, packet []byte) error {
	p := buf.New(buf.DefaultSize)
	copy(p.Append(len(packet)), packet)
	p.Path = buf.Path{Remote: to}
	_, err := l.WriteBatch([]*buf.Packet{p})
	return err
}

// Arrival is a packet, or an error of the socket.
type Arrival struct {
	Data []byte
	From netip.AddrPort
	Err  error
	Ends bool // nothing comes after it
}

// mostErrors is how many errors of a socket are listened to.
const mostErrors = 64

// Listen reads a link until it is closed. What is not taken at once is dropped when there
// is too much of it.
func Listen(l link.Link) <-chan Arrival {
	in := make(chan Arrival, 32)
	put := func(a Arrival) {
		select {
		case in <- a:
		default: // a flood
		}
	}
	go func() {
		batch := buf.NewBatch(8, buf.DefaultSize)
		for errs := 0; errs < mostErrors; {
			n, err := l.ReadBatch(batch)
			for _, p := range batch[:n] {
				put(Arrival{Data: append([]byte(nil), p.Bytes()...), From: p.Path.Remote})
			}
			if err == nil {
				continue
			}
			errs++
			ends := errors.Is(err, fs.ErrClosed) || link.IsStream(l)
			put(Arrival{Err: err, Ends: ends})
			if ends {
				return
			}
		}
	}()
	return in
}
