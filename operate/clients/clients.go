// Package clients joins the two places that know a server's clients: its
// directory, which has their certificates, and the running server, which has
// their connections.
package clients

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"culvert/operate/backend"
	"culvert/operate/manage"
	"culvert/operate/setup"
)

// Running are the servers that run on this host, by name.
type Running struct {
	dir     string
	servers map[string]backend.Status
}

// askTime is the time limit for a process to report its status.
const askTime = 2 * time.Second

// Ask asks each server that has its socket in stateDir for its status. Servers
// that do not answer are left out.
func Ask(ctx context.Context, stateDir string) Running {
	all := Running{stateDir, make(map[string]backend.Status)}
	names, _ := manage.Names(stateDir) // there is nobody to ask in a directory that cannot be read
	for _, name := range names {
		if s, err := status(ctx, stateDir, name); err == nil && s.Role == "server" {
			all.servers[name] = s
		}
	}
	return all
}

func status(ctx context.Context, dir, name string) (s backend.Status, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	client, err := manage.Dial(dir, "", name)
	if err != nil {
		return s, err
	}
	return client.Status(ctx)
}

// find returns a peer that is connected with one of some certificates.
func (r Running) find(serials []string) (backend.Peer, bool) {
	for _, s := range r.servers {
		for _, p := range s.Peers {
			if !p.Connecting && slices.Contains(serials, p.Serial) {
				return p, true
			}
		}
	}
	return backend.Peer{}, false
}

// Uses returns the serial number by which a peer with one of some certificates is
// connected; "" if none is.
func (r Running) Uses(serials []string) string {
	p, _ := r.find(serials)
	return p.Serial
}

// reads reports whether one of the servers goes by a revocation list.
func (r Running) reads(list string) bool {
	for _, s := range r.servers {
		if slices.Contains(s.Lists, list) {
			return true
		}
	}
	return false
}

// Client is a client as `culvert client list --json` shows it.
type Client struct {
	setup.ClientInfo
	// Connected is nil if no running server could be asked.
	Connected *bool     `json:"connected,omitempty"`
	Remote    string    `json:"remote,omitempty"`
	Since     time.Time `json:"since,omitzero"`
}

// Join adds to each client whether it is connected, and from where.
func (r Running) Join(clients []setup.ClientInfo) []Client {
	list := make([]Client, 0, len(clients))
	for _, c := range clients {
		l := Client{ClientInfo: c}
		if len(r.servers) > 0 {
			p, in := r.find(c.Serials)
			l.Connected, l.Remote, l.Since = &in, p.Remote, p.Since
		}
		list = append(list, l)
	}
	return list
}

// Print writes clients as a table.
func Print(w io.Writer, list []Client) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tSTATE\tEXPIRES\tCONNECTED")
	for _, c := range list {
		connected := "?"
		if c.Connected != nil && *c.Connected {
			connected = fmt.Sprintf("from %s, since %s", c.Remote, c.Since.Local().Format(time.DateTime))
		} else if c.Connected != nil {
			connected = "no"
		}
		state := c.State
		if c.Ready != "" {
			state += ", next profile waits"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", c.Name, state, c.Expires.Format(time.DateOnly), connected)
	}
	return t.Flush()
}

// cutTime is the time limit for a server to cut off a revoked client.
const cutTime = 3 * time.Second

// Follow waits until the servers have carried out a revocation, and writes to
// out what came of it. r has them as they were before. The error says that the
// client is not shut out, and what to do.
func (r Running) Follow(ctx context.Context, out io.Writer, done *setup.Revocation) error {
	if done.Problem != "" {
		return fmt.Errorf("the server does not use the revocation list yet: %s", done.Problem)
	}
	if done.LineAdded {
		fmt.Fprintf(out, "server.conf named no revocation list. The line `crl-verify %s` was added.\n", done.List)
	}
	if len(r.servers) == 0 {
		fmt.Fprintln(out, "No server is running on this host. One that reads the list will refuse this client.")
		return nil
	}
	peer, in := r.find(done.Serials)
	for end := time.Now().Add(cutTime); in && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if _, still := Ask(ctx, r.dir).find(done.Serials); !still {
			fmt.Fprintf(out, "It was connected from %s, and is cut off.\n", peer.Remote)
			return nil
		}
	}
	switch {
	case !r.reads(done.List):
		return errors.New("THE RUNNING SERVER DOES NOT READ THE LIST YET: make it read its configuration again (send it SIGHUP, or restart it); all clients then connect anew")
	case in:
		return fmt.Errorf("the client is STILL CONNECTED from %s: the server's log says what is wrong with the list", peer.Remote)
	}
	fmt.Fprintln(out, "It is not connected.")
	return nil
}
