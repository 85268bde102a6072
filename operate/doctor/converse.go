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
// returns why.
func converse(ctx context.Context, cfg session.Config, to reach.Target) error {
	l, err := new(reach.Dialer).Open(ctx, to)
	if err != nil {
		return err
	}
	defer l.Close()
	s := session.NewClient(cfg, time.Now())
	defer s.Close()
	in := listen(l)
	timer := time.NewTicker(100 * time.Millisecond)
	defer timer.Stop()
	var f first
	for {
		s.Output(time.Now(), func(packet []byte) { f.send(l, to.Addr, packet) })
		for _, e := range s.Events() {
			if c, ok := e.(session.Closed); ok {
				return c.Err
			}
		}
		select {
		case <-ctx.Done():
			return &session.HandshakeError{Stage: s.Stage()}
		case now := <-timer.C:
			s.Advance(now)
		case a := <-in:
			if a.ends {
				return a.err
			}
			if a.err == nil {
				_ = s.Input(time.Now(), a.data) // what it refuses, it counts
			}
		}
	}
}
