package client

import (
	"context"

	"culvert/role/profile"
	"culvert/session"
)

// meet notes what programs are told of a server that has proven who it is, and runs
// ipchange.
func (a *attempt) meet(ctx context.Context, e session.Established) {
	a.told = profile.PeerVariables(a.settings, e.TLS.PeerCertificates, a.peer.Path().Remote)
	a.ipchange(ctx)
}

// ipchange runs the program of ipchange with the server's address. A failure is only
// logged.
func (a *attempt) ipchange(ctx context.Context) {
	if a.opts.Programs != nil {
		_ = a.opts.Programs.Run(ctx, "ipchange", environment(a.base, a.told), profile.PeerChanged(a.peer.Path().Remote))
	}
}

// follow notes that the server of an attempt has another address, and runs ipchange.
func follow(ctx context.Context, a *attempt) {
	if a.told != nil {
		a.told.SetAddress("trusted", a.peer.Path().Remote)
		a.ipchange(ctx)
	}
}

// moves has a value while the server's address has changed and programs do not know; its
// capacity is 1.
type moves chan struct{}

func (m moves) note() {
	select {
	case m <- struct{}{}:
	default:
	}
}
