package doctor

import (
	"context"
	"time"

	"culvert/access/hooks"
	"culvert/role/profile/reach"
	"culvert/session"
)

// showEnv is what programs of tls-verify would be told.
type showEnv = func() *hooks.Env

// converse makes a handshake over a link of its own until it ends, or ctx does, and
// returns why, and where it stopped.
func converse(ctx context.Context, d *reach.Dialer, cfg session.Config, to reach.Target) (stage string, err error) {
	l, err := d.Open(ctx, to)
	if err != nil {
		return "", err
	}
	defer l.Close()
	s := session.NewClient(cfg, time.Now())
	defer s.Close()
	in := reach.Listen(l)
	timer := time.NewTicker(100 * time.Millisecond)
	defer timer.Stop()
	for {
		s.Output(time.Now(), func(packet []byte) { _ = reach.Send(l, to.Addr, packet) })
		for _, e := range s.Events() {
			switch e := e.(type) {
			case session.Delayed:
				stage = e.Stage
			case session.Closed:
				return stage, e.Err
			}
		}
		select {
		case <-ctx.Done():
			return s.Stage(), &session.HandshakeError{Stage: s.Stage()}
		case now := <-timer.C:
			s.Advance(now)
		case a := <-in:
			if a.Ends {
				return s.Stage(), a.Err
			}
			if a.Err == nil && a.From == to.Addr {
				_ = s.Input(time.Now(), a.Data) // what it refuses, it counts
			}
		}
	}
}
