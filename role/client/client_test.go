package client

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"culvert/config"
	"culvert/role/profile"
	"culvert/role/profile/reach"
	"culvert/session"
	"culvert/session/negotiate"
)

func TestAfterwards(t *testing.T) {
	busy := negotiate.Restart{Temporary: true, SameServer: true, Backoff: 9 * time.Second}
	lost := func(err error) error { return &lostError{err} }
	for name, c := range map[string]struct {
		err     error
		tlsExit bool
		want    verdict
	}{
		"login refused":            {&session.AuthFailedError{Restart: negotiate.Restart{Reason: "no"}}, false, verdict{give: errAny}},
		"login refused at a rekey": {lost(&session.AuthFailedError{}), false, verdict{give: errAny}},
		"refused for now":          {&session.AuthFailedError{Restart: busy}, false, verdict{sameServer: true, backoff: 9 * time.Second}},
		"restart":                  {lost(&session.RestartError{Restart: negotiate.Restart{SameServer: true}}), false, verdict{sameServer: true, established: true, backoff: afterRestart}},
		"restart at the next":      {lost(&session.RestartError{}), false, verdict{nextRemote: true, established: true, backoff: afterRestart}},
		"halt":                     {lost(&session.RestartError{Halt: true}), false, verdict{give: errAny}},
		"silence":                  {lost(session.ErrPingTimeout), false, verdict{sameServer: true, established: true}},
		"silence with ping-exit":   {lost(session.ErrPingExit), false, verdict{give: errAny, asked: true}},
		"nothing ever answered":    {session.ErrPingExit, false, verdict{give: errAny, asked: true}},
		"nothing to carry":         {profile.ErrInactive, false, verdict{give: errAny, asked: true}},
		"handshake with tls-exit":  {&session.HandshakeError{Stage: "x"}, true, verdict{give: errAny}},
		"lost with tls-exit":       {lost(session.ErrPingTimeout), true, verdict{sameServer: true, established: true}},
		"adapter gone":             {fmt.Errorf("%w: the adapter", reach.ErrFatal), false, verdict{give: errAny}},
		"all tried":                {reach.ErrExhausted, false, verdict{give: errAny}},
		"handshake failed":         {&session.HandshakeError{Stage: "x"}, false, verdict{}},
		"name without address":     {errors.New("no address"), false, verdict{}},
	} {
		cl := &Client{cfg: &config.Config{Timers: config.Timers{TLSExit: c.tlsExit}}, login: &login{cfg: &config.Config{}}}
		got := cl.afterwards(c.err)
		if (got.give != nil) != (c.want.give != nil) || got.give != nil && !errors.Is(got.give, c.err) {
			t.Errorf("%s: gives up with %v", name, got.give)
		}
		got.give, c.want.give = nil, nil
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

var errAny = errors.New("any")
