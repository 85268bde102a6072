package profile

import (
	"context"
	"errors"

	"culvert/host/process"
	"culvert/session"
)

// Why a tunnel ends though both ends are well.
var (
	// ErrInactive ends a tunnel that nothing goes through.
	ErrInactive = errors.New("the tunnel carried less than `inactive` asks for")
	// ErrExpired ends a session that has lasted long enough.
	ErrExpired = errors.New("the session has lasted as long as session-timeout allows")
)

// LastSignal is Signal for the end of a process. goodbye: it tells the other end so
// (explicit-exit-notify over UDP), for which OpenVPN has a word of its own.
func LastSignal(ctx context.Context, goodbye bool, err error) string {
	signal := Signal(ctx, err)
	switch signal {
	case "sigterm", "sigint", "ping-exit", "session-timeout", "inactive":
		if goodbye {
			return "exit-with-notification"
		}
	}
	return signal
}

// Signal returns what programs are told as the reason for an end or a restart: the name
// of the signal that ended ctx, or of what stands for one. err is why the connection
// ended; nil: it did not.
func Signal(ctx context.Context, err error) string {
	var signal process.Signal
	var restart *session.RestartError
	var handshake *session.HandshakeError
	switch {
	case ctx.Err() != nil:
		if errors.As(context.Cause(ctx), &signal) {
			return string(signal)
		}
		return "sigterm"
	case errors.Is(err, session.ErrPingTimeout):
		return "ping-restart"
	case errors.Is(err, session.ErrPingExit):
		return "ping-exit"
	case errors.Is(err, session.ErrPeerExit):
		return "remote-exit"
	case errors.Is(err, ErrInactive):
		return "inactive"
	case errors.Is(err, ErrExpired):
		return "session-timeout"
	case errors.As(err, &restart):
		return "server-pushed-connection-reset"
	case errors.As(err, &handshake):
		return "tls-error"
	}
	return "sigusr1"
}
