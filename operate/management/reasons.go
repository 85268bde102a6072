package management

import (
	"errors"

	"culvert/access/pki"
	"culvert/link"
	"culvert/role/client"
	"culvert/role/profile"
	"culvert/role/profile/reach"
	"culvert/session"
)

// reasonFor is an error in OpenVPN's word for it, which tools know, or else in its own
// words.
func reasonFor(err error) string {
	if err == nil {
		return ""
	}
	for _, known := range []func(error) string{ofServer, ofSession, ofHost} {
		if word := known(err); word != "" {
			return word
		}
	}
	return err.Error()
}

// ofServer is the word for what the other end said.
func ofServer(err error) string {
	var refused *session.AuthFailedError
	var restart *session.RestartError
	switch {
	case errors.As(err, &refused) && refused.Temporary:
		return "auth-temp-failure"
	case errors.As(err, &refused):
		return "auth-failure"
	case errors.As(err, &restart) && restart.Halt:
		return "server-pushed-halt"
	case errors.As(err, &restart):
		return "server-pushed-connection-reset"
	case errors.Is(err, session.ErrPeerExit):
		return "remote-exit"
	}
	return ""
}

// ofSession is the word for what became of a session.
func ofSession(err error) string {
	switch {
	case errors.Is(err, session.ErrPingTimeout):
		return "ping-restart"
	case errors.Is(err, session.ErrPingExit):
		return "ping-exit"
	case errors.Is(err, profile.ErrInactive):
		return "inactive"
	case errors.Is(err, session.ErrUntrusted), errors.As(err, new(*session.HandshakeError)):
		return "tls-error"
	case errors.As(err, new(*link.ClosedError)), errors.As(err, new(*link.LengthError)):
		return "connection-reset"
	}
	return ""
}

// ofHost is the word for what this end did, or could not do.
func ofHost(err error) string {
	switch {
	case errors.Is(err, client.ErrRestart):
		return "SIGUSR1"
	case errors.Is(err, pki.ErrPassword):
		return "private-key-password-failure"
	case errors.As(err, new(*link.SOCKSError)):
		return "socks-error"
	case errors.Is(err, link.ErrProxyAuth), errors.Is(err, reach.ErrUnresolved):
		return "init_instance"
	}
	return ""
}
