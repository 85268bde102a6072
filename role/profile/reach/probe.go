package reach

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"time"

	"culvert/config"
	"culvert/internal/buf"
	"culvert/link"
	"culvert/role/profile"
	"culvert/session"
)

// ErrSilent reports a server that did not answer in time.
var ErrSilent = errors.New("no answer")

// Probe measures how long a server takes to answer a client's first packet, which it sends
// once: the reset of a handshake that goes no further (draft, "Session Initialization"). Only
// an answer to that packet in the right armour counts. Over TCP, the connection is made
// before. It fails with ErrSilent when ctx has ended; nobody is asked for a proxy's login.
func Probe(ctx context.Context, d *Dialer, s *profile.Settings, t Target) (time.Duration, error) {
	quiet := Dialer{Listen: d.Listen, Dial: d.Dial}
	settings := *t.Settings
	settings.Link.NoBind = true // its own port is the connection's
	t.Settings = &settings
	l, err := quiet.Open(ctx, t)
	if err != nil {
		return 0, err
	}
	defer l.Close()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()

	began := time.Now()
	p := session.NewClient(s.For(ctx, t.Addr, t.Remote.Proto.TCP), began)
	defer p.Close()
	if err := sendFirst(p, l, t.Addr, began); err != nil {
		return 0, err
	}
	for batch := []*buf.Packet{buf.New(buf.DefaultSize)}; ; {
		_, err := l.ReadBatch(batch)
		now := time.Now()
		switch {
		case ctx.Err() != nil:
			return 0, ErrSilent
		case err != nil && errors.Is(err, fs.ErrClosed), err != nil && t.Remote.Proto.TCP:
			return 0, fmt.Errorf("%w: %w", ErrSilent, err)
		case err != nil:
			continue // by ICMP, which anybody can send
		case batch[0].Path.Remote != t.Addr || p.Input(now, batch[0].Bytes()) != nil:
			continue
		}
		if answered(p) {
			return now.Sub(began), nil
		}
	}
}

// sendFirst sends what a session has to say first.
func sendFirst(p *session.Session, l link.Link, to netip.AddrPort, now time.Time) (err error) {
	p.Output(now, func(b []byte) {
		packet := buf.New(len(b))
		packet.Set(b)
		packet.Path = buf.Path{Remote: to}
		_, sent := l.WriteBatch([]*buf.Packet{packet})
		err = errors.Join(err, sent)
	})
	return err
}

// answered reports whether the other end has answered a session.
func answered(p *session.Session) bool {
	for _, e := range p.Events() {
		if _, ok := e.(session.Answered); ok {
			return true
		}
	}
	return false
}

// mostTargets is how many addresses All returns: some names have thousands.
const mostTargets = 32

// resolveAll is how long All may take.
const resolveAll = time.Second

// All resolves every remote and returns their targets, up to 32, the first of each before
// the second of any; names that are not answered within a second are left out. An error says
// why none has an address.
func All(ctx context.Context, r *Remotes) ([]Target, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveAll)
	defer cancel()
	var each [][]Target
	var failed error
	for _, remote := range r.List() {
		targets, err := r.targets(ctx, remote, r.settingsOf(remote))
		if err != nil {
			failed = err
			continue
		}
		each = append(each, targets)
	}
	var all []Target
	for n, more := 0, true; more; n++ {
		more = false
		for _, targets := range each {
			if n < len(targets) && len(all) < mostTargets {
				all, more = append(all, targets[n]), true
			}
		}
	}
	r.note(all)
	if len(all) == 0 {
		return nil, failed
	}
	return all, nil
}

// Prefer has r make a target the one that is tried next, before all others. It counts as a
// try, and does nothing when connect-retry-max allows no more of them.
func Prefer(r *Remotes, t Target) {
	if exhausted(r) {
		return
	}
	r.tried++
	Use(r, t.Remote)
	r.queue = []Target{t}
	if at := index(r.list, t.Remote); at >= 0 {
		r.lastAt, r.at = at, at+1
	}
}

// Same reports whether two targets are one server's address over one protocol.
func (t Target) Same(o Target) bool {
	return t.Addr == o.Addr && t.Remote.Proto == o.Remote.Proto && index([]config.Remote{t.Remote}, o.Remote) == 0
}
