package profile

import (
	"context"
	"errors"

	"culvert/host/process"
	"culvert/session"
)

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
	case errors.As(err, &restart):
		return "server-pushed-connection-reset"
	case errors.As(err, &handshake):
		return "tls-error"
	}
	return "sigusr1"
}
