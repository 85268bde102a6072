package backend

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"culvert/config"
)

// Steer is a role that people lead from one connection to another. *Client is one.
type Steer interface {
	// Quit ends the process as SIGTERM does, and with it undoes what was changed on this
	// host. It does not wait.
	Quit()
	// Reconnect makes a new connection to the same server, and changes over to it when it
	// is up. It waits for that until ctx ends.
	Reconnect(ctx context.Context) (Used, error)
	// Use does the same with another server: a remote of the configuration by its number
	// from 1, its host, or HOST:PORT.
	Use(ctx context.Context, remote string) (Used, error)
}

// Used is where a client is now, or with Trying where it tries to connect, since there was
// no connection that could be left.
type Used struct {
	Remote string `json:"remote" doc:"the remote where the client is now, or is going"`
	Trying bool   `json:"trying,omitempty" doc:"it only tries to connect there: there was no connection that could be left"`
	Kept   string `json:"kept,omitempty" doc:"a server that was left, to which the client stays connected for what is open from the addresses that it gave"`
}

// Append appends it as text.
func (u *Used) Append(b []byte) []byte {
	if u.Trying {
		return fmt.Appendf(b, "there was no connection to leave: %s is tried now\n", u.Remote)
	}
	if u.Kept != "" {
		return fmt.Appendf(b, "connected to %s; what is open from another address than it gives goes on by %s\n", u.Remote, u.Kept)
	}
	return fmt.Appendf(b, "connected to %s; the connection before has ended\n", u.Remote)
}

var _ Steer = (*Client)(nil)

// Quit is Steer's.
func (c *Client) Quit() { c.process.Quit() }

// Reconnect is Steer's.
func (c *Client) Reconnect(ctx context.Context) (Used, error) {
	if !c.up.Load() {
		c.Restart()
		return Used{Remote: "the server", Trying: true}, nil
	}
	return c.used(ctx, "the server", c.controls.Reconnect("asked for by culvert reconnect"))
}

// Use is Steer's.
func (c *Client) Use(ctx context.Context, name string) (Used, error) {
	remote, err := findRemote(c.controls.Remotes(), name)
	if err != nil {
		return Used{}, err
	}
	return c.used(ctx, net.JoinHostPort(remote.Host, remote.Port), c.controls.Use(remote, netip.AddrPort{}, "asked for by culvert use"))
}

// used waits for a move.
func (c *Client) used(ctx context.Context, to string, moved <-chan error) (Used, error) {
	select {
	case err := <-moved:
		switch {
		case err != nil && c.up.Load():
			return Used{}, fmt.Errorf("%w; the connection before goes on", err)
		case err != nil:
			return Used{}, err
		case !c.up.Load():
			return Used{Remote: to, Trying: true}, nil
		}
	case <-ctx.Done():
		return Used{}, ctx.Err()
	}
	used := Used{Remote: to}
	for _, p := range c.Peers() {
		if len(p.KeptFor) > 0 {
			used.Kept = p.Name
		} else {
			used.Remote = p.Name
		}
	}
	return used, nil
}

// findRemote finds the remote that somebody means.
func findRemote(list []config.Remote, name string) (config.Remote, error) {
	if n, err := strconv.Atoi(name); err == nil && n >= 1 && n <= len(list) {
		return list[n-1], nil
	}
	for _, r := range list {
		if strings.EqualFold(name, r.Host) || strings.EqualFold(name, net.JoinHostPort(r.Host, r.Port)) || strings.EqualFold(name, r.Host+":"+r.Port) {
			return r, nil
		}
	}
	var all []string
	for i, r := range list {
		all = append(all, fmt.Sprintf("%d %s (%s)", i+1, net.JoinHostPort(r.Host, r.Port), r.Proto.Transport()))
	}
	if len(all) == 0 {
		return config.Remote{}, errors.New("this client has no remotes to choose from")
	}
	return config.Remote{}, fmt.Errorf("%q is none of this client's remotes; name one by number, host or HOST:PORT: %s", name, strings.Join(all, ", "))
}
