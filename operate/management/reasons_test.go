package management

import (
	"errors"
	"fmt"
	"testing"

	"culvert/link"
	"culvert/role/client"
	"culvert/role/event"
	"culvert/role/profile"
	"culvert/session"
	"culvert/session/negotiate"
)

// TestReasons are OpenVPN's words for why a connection ends.
func TestReasons(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{fmt.Errorf("lost: %w", &session.AuthFailedError{}), "auth-failure"},
		{&session.AuthFailedError{Restart: negotiate.Restart{Temporary: true}}, "auth-temp-failure"},
		{&session.RestartError{}, "server-pushed-connection-reset"},
		{&session.RestartError{Halt: true}, "server-pushed-halt"},
		{session.ErrPeerExit, "remote-exit"},
		{session.ErrPingTimeout, "ping-restart"},
		{session.ErrPingExit, "ping-exit"},
		{profile.ErrInactive, "inactive"},
		{&session.HandshakeError{}, "tls-error"},
		{client.ErrRestart, "SIGUSR1"},
		{fmt.Errorf("no way: %w", &link.SOCKSError{Err: link.ErrProxyAuth}), "socks-error"},
		{fmt.Errorf("no way: %w", link.ErrProxyAuth), "init_instance"},
		{errors.New("something else, it says"), "something else, it says"},
	} {
		if got := reasonFor(c.err); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}

// TestReloadIsNoExit: when the configuration is read again, the role ends and the
// process does not.
func TestReloadIsNoExit(t *testing.T) {
	var c course
	c.reloading = true
	if got := c.texts(event.Ended{}); len(got) != 1 || got[0] != "RECONNECTING,SIGHUP,,,,," {
		t.Errorf("got %q", got)
	}
	if got := c.texts(event.Ended{}); len(got) != 1 || got[0] != "EXITING,SIGTERM,,,,," {
		t.Errorf("got %q", got)
	}
}
