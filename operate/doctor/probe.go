package doctor

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io/fs"
	"net/netip"
	"syscall"
	"time"

	"culvert/config"
	"culvert/internal/buf"
	"culvert/link"
	"culvert/role/profile"
	"culvert/session"
	"culvert/session/wrap"
)

// first is what came of the first exchange of a handshake with an address: a reset, and
// the answer to it.
type first struct {
	answered bool
	took     time.Duration
	// clock is the peer's, by its packets; zero: they do not say.
	clock time.Time
	// foreign is how what came began, if it was no packet of this protocol or none for
	// this armour.
	foreign []byte
	strange int   // packets that came and were none for this armour
	err     error // the socket's
}

// refused reports whether the host said that nothing listens at the port.
func (f first) refused() bool { return errors.Is(f.err, syscall.ECONNREFUSED) }

// resend is after how long without an answer another reset is sent.
const resend = 700 * time.Millisecond

// greet sends a reset with an armour over an open link until it is answered or ctx
// ends, and nothing after it: a server keeps nothing for one that only knocks.
func greet(ctx context.Context, l link.Link, to netip.AddrPort, w wrap.Wrapper) (f first) {
	began := time.Now()
	window := time.Hour // ctx ends it
	s := session.NewClient(session.Config{Wrapper: w, TLS: &tls.Config{InsecureSkipVerify: true}, HandWindow: window, TLSTimeout: resend}, began)
	defer s.Close()
	in := listen(l)
	timer := time.NewTicker(resend / 2)
	defer timer.Stop()
	for {
		s.Output(time.Now(), func(packet []byte) { f.send(l, to, packet) })
		select {
		case <-ctx.Done():
			return f
		case now := <-timer.C:
			s.Advance(now)
		case p := <-in:
			if f.take(s, w, p, began) {
				return f
			}
		}
	}
}

// arrival is a packet, or an error of the socket.
type arrival struct {
	data []byte
	from netip.AddrPort
	err  error
	ends bool // nothing comes after it
}

// mostErrors is how many errors of a socket are listened to.
const mostErrors = 8

// listen reads a link until it is closed.
func listen(l link.Link) <-chan arrival {
	in := make(chan arrival, 32)
	go func() {
		batch := buf.NewBatch(8, buf.DefaultSize)
		for errs := 0; errs < mostErrors; {
			n, err := l.ReadBatch(batch)
			for _, p := range batch[:n] {
				a := arrival{data: append([]byte(nil), p.Bytes()...), from: p.Path.Remote}
				select {
				case in <- a:
				default: // a flood
				}
			}
			if err == nil {
				continue
			}
			errs++
			ends := errors.Is(err, fs.ErrClosed) || link.IsStream(l)
			select {
			case in <- arrival{err: err, ends: ends}:
			default:
			}
			if ends {
				return
			}
		}
	}()
	return in
}

func (f *first) send(l link.Link, to netip.AddrPort, packet []byte) {
	p := buf.New(buf.DefaultSize)
	copy(p.Append(len(packet)), packet)
	p.Path = buf.Path{Remote: to}
	if _, err := l.WriteBatch([]*buf.Packet{p}); err != nil && f.err == nil {
		f.err = err
	}
}

// take takes what came, and reports whether the exchange is over.
func (f *first) take(s *session.Session, w wrap.Wrapper, a arrival, began time.Time) (over bool) {
	if a.err != nil {
		f.err = a.err
		var length *link.LengthError
		if errors.As(a.err, &length) {
			f.foreign, f.strange = length.Start, f.strange+1
		}
		return a.ends || f.refused()
	}
	before := s.Stats()
	_ = s.Input(time.Now(), a.data) // what it refuses, it counts
	if after := s.Stats(); after.BadControl+after.Strays > before.BadControl+before.Strays {
		f.strange++
		if f.foreign == nil {
			f.foreign = a.data[:min(len(a.data), 16)]
		}
		return false
	}
	for _, e := range s.Events() {
		if _, ok := e.(session.Answered); ok {
			f.answered, f.took, f.err = true, time.Since(began), nil
			if _, at := w.LastID(); at != 0 {
				f.clock = time.Unix(int64(at), 0)
			}
			return true
		}
	}
	return false
}

// visitor returns the armour of a client of a server's configuration.
func visitor(c *config.Config, now time.Time) (wrap.Wrapper, error) {
	a, err := profile.Armour(c)
	switch {
	case err != nil:
		return nil, err
	case a.V2 != nil:
		key, err := wrap.GenerateClientKeyV2(rand.Reader, a.V2, wrap.TimestampMetadata(now))
		if err != nil {
			return nil, err
		}
		return wrap.NewTLSCryptV2Client(key), nil
	case a.TLSCrypt != nil:
		return wrap.NewTLSCrypt(a.TLSCrypt, false), nil
	case a.TLSAuth != nil:
		return wrap.NewTLSAuth(a.TLSAuth.Key, a.TLSAuth.Direction.Peer(), a.TLSAuth.Digest), nil
	}
	return wrap.None{}, nil
}

// knock opens a link of its own and greets. Over TCP an error of connecting is the
// first's.
func knock(ctx context.Context, tcp bool, to netip.AddrPort, w wrap.Wrapper) first {
	if tcp {
		conn, err := link.DialTCP(ctx, link.Options{}, to)
		if err != nil {
			return first{err: err}
		}
		l := link.NewTCP(conn, link.TCPOptions{})
		defer l.Close()
		return greet(ctx, l, to, w)
	}
	o := link.Options{Addr: netip.AddrPortFrom(netip.IPv4Unspecified(), 0), Refusals: true}
	if to.Addr().Is6() {
		o.Addr = netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
	}
	l, err := link.ListenUDP(o)
	if err != nil {
		return first{err: err}
	}
	defer l.Close()
	return greet(ctx, l, to, w)
}
