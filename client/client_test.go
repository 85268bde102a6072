package client

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"culvert/config"
	"culvert/endpoint/reach"
	"culvert/session"
	"culvert/session/negotiate"
)

func TestAfterwards(t *testing.T) {
	busy := negotiate.Restart{Temporary: true, SameServer: true, Backoff: 9 * time.Second}
	lost := func(err error) error { return &lostError{err} }
	for name, c := range map[string]struct {
		err  error
		want verdict
	}{
		"login refused":            {&session.AuthFailedError{Restart: negotiate.Restart{Reason: "no"}}, verdict{give: errAny}},
		"login refused at a rekey": {lost(&session.AuthFailedError{}), verdict{give: errAny}},
		"refused for now":          {&session.AuthFailedError{Restart: busy}, verdict{sameServer: true, backoff: 9 * time.Second}},
		"restart":                  {lost(&session.RestartError{Restart: negotiate.Restart{SameServer: true}}), verdict{sameServer: true, established: true}},
		"restart at the next":      {lost(&session.RestartError{}), verdict{nextRemote: true, established: true}},
		"halt":                     {lost(&session.RestartError{Halt: true}), verdict{give: errAny}},
		"silence":                  {lost(session.ErrPingTimeout), verdict{sameServer: true, established: true}},
		"adapter gone":             {fmt.Errorf("%w: the adapter", reach.ErrFatal), verdict{give: errAny}},
		"all tried":                {reach.ErrExhausted, verdict{give: errAny}},
		"handshake failed":         {&session.HandshakeError{Stage: "x"}, verdict{}},
		"name without address":     {errors.New("no address"), verdict{}},
	} {
		cl := &Client{cfg: &config.Config{}, login: &login{cfg: &config.Config{}}}
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
