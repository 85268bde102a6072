package client

import (
	"errors"
	"net/netip"
	"time"

	"culvert/config"
	"culvert/role/profile/reach/fastest"
)

// Controls are what a program that manages a client may do to it while it runs. Any
// goroutine may use them, and none of them waits.
type Controls struct{ c *Client }

// Controls returns the client's.
func (c *Client) Controls() Controls { return Controls{c} }

// AuthRetry returns what the client does when a login is refused.
func (x Controls) AuthRetry() config.AuthRetry { return x.c.login.retrying(nil) }

// SetAuthRetry changes that.
func (x Controls) SetAuthRetry(r config.AuthRetry) { x.c.login.retrying(&r) }

// ForgetPasswords forgets user name and password, and the token in their place. The
// next connection asks for them, or reads them from the file.
func (x Controls) ForgetPasswords() { x.c.login.forget() }

// Remotes returns the servers of the configuration, in the order in which they are
// tried.
func (x Controls) Remotes() []config.Remote { return x.c.remotes.List() }

// Servers returns what is known of the servers by measuring, nil unless the configuration
// has the fastest chosen.
func (x Controls) Servers() []fastest.Row {
	if x.c.best == nil {
		return nil
	}
	return x.c.best.table()
}

// Use moves to a remote, make before break: the present connection goes on until the new
// one is up, and stays where it does not come up. remote is one of Remotes; at, if it is
// valid, is which of its addresses. why is said in the log. The channel gets how it ended,
// once: nil when the connection has changed over, or when there was none to leave, so that
// this remote is tried now.
func (x Controls) Use(remote config.Remote, at netip.AddrPort, why string) <-chan error {
	return x.c.mover.ask(wish{remote: remote, addr: at, why: why})
}

// Reconnect makes a new connection to the present server, and changes over to it as Use
// does.
func (x Controls) Reconnect(why string) <-chan error { return x.c.mover.ask(wish{why: why}) }

// ErrNoServer is returned where something is to be sent and there is no server.
var ErrNoServer = errors.New("there is no connection to a server")

// Respond sends the server the answer to the question that came by Teller.Info, in
// base64 as the server expects it. It fails with ErrNoServer.
func (x Controls) Respond(base64 string) error {
	p := x.c.Server()
	if p == nil {
		return ErrNoServer
	}
	p.Do(func(time.Time) { p.Session.AnswerEncoded(base64) })
	return nil
}
