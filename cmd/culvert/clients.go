package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"culvert/operate/manage"
	"culvert/operate/setup"
)

func clientListCommand() *cobra.Command {
	var dir string
	var asJSON bool
	r := everyServer{}
	c := &cobra.Command{
		Use:   "list --dir D",
		Short: "The clients of a server, their state, and who is connected",
		Long: `The clients that were added to a server's directory: valid, expiring (within 30
days), expired or revoked; and whether one that runs on this host has them
connected now.`,
		Example: "  culvert client list --dir /etc/culvert",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			now := time.Now()
			clients, problem, err := setup.Clients(dir, now)
			if err != nil {
				return err
			}
			if problem != "" {
				fmt.Fprintln(c.ErrOrStderr(), "warning: a server does not go by the revocation list:", problem)
			}
			list := r.ask(c.Context()).join(clients)
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(list)
			}
			return printClients(c.OutOrStdout(), list)
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the server's directory")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	r.flags(c)
	c.MarkFlagRequired("dir")
	return c
}

// listed is a client as `client list` shows it.
type listed struct {
	setup.ClientInfo
	// Connected is nil where no server that runs could be asked.
	Connected *bool     `json:"connected,omitempty"`
	Remote    string    `json:"remote,omitempty"`
	Since     time.Time `json:"since,omitzero"`
}

func printClients(w io.Writer, list []listed) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tSTATE\tEXPIRES\tCONNECTED")
	for _, c := range list {
		connected := "?"
		if c.Connected != nil && *c.Connected {
			connected = fmt.Sprintf("from %s, since %s", c.Remote, c.Since.Local().Format(time.DateTime))
		} else if c.Connected != nil {
			connected = "no"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", c.Name, c.State, c.Expires.Format(time.DateOnly), connected)
	}
	return t.Flush()
}

// everyServer finds the servers that run on this host.
type everyServer struct{ dir string }

func (e *everyServer) flags(c *cobra.Command) {
	c.Flags().StringVar(&e.dir, "state-dir", manage.DefaultDir(), "where running processes have their sockets")
}

// servers are the states of servers that run, by name.
type servers map[string]manage.Status

// askTime is how long a process may take to say how it is.
const askTime = 2 * time.Second

func (e *everyServer) ask(ctx context.Context) servers {
	all := make(servers)
	names, _ := manage.Names(e.dir) // a directory that cannot be read has none to ask
	for _, name := range names {
		if s, err := askStatus(ctx, e.dir, name); err == nil && s.Role == "server" {
			all[name] = s
		}
	}
	return all
}

func askStatus(ctx context.Context, dir, name string) (s manage.Status, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	client, err := manage.Dial(dir, "", name)
	if err != nil {
		return s, err
	}
	answer, err := client.Do(ctx, "GET", manage.StatusPath, nil)
	if err != nil {
		return s, err
	}
	defer answer.Close()
	return s, json.NewDecoder(answer).Decode(&s)
}

// find is a peer that is in with one of some certificates.
func (all servers) find(serials []string) (manage.Peer, bool) {
	for _, s := range all {
		for _, p := range s.Peers {
			if !p.Connecting && slices.Contains(serials, p.Serial) {
				return p, true
			}
		}
	}
	return manage.Peer{}, false
}

func (all servers) join(clients []setup.ClientInfo) []listed {
	list := make([]listed, 0, len(clients))
	for _, c := range clients {
		l := listed{ClientInfo: c}
		if len(all) > 0 {
			p, in := all.find(c.Serials)
			l.Connected, l.Remote, l.Since = &in, p.Remote, p.Since
		}
		list = append(list, l)
	}
	return list
}

func clientRevokeCommand() *cobra.Command {
	var o setup.RevokeOptions
	r := everyServer{}
	c := &cobra.Command{
		Use:   "revoke NAME --dir D",
		Short: "Shut a client out, and cut it off if it is in",
		Long: `Shut a client out: every certificate it was given goes on the server's revocation
list (crl-verify). A server that runs reads the list by itself and cuts off within
a second whoever is in with one of them.`,
		Example: "  culvert client revoke phone --dir /etc/culvert",
		Args:    one("name"),
		RunE: func(c *cobra.Command, args []string) error {
			o.Name, o.Now = args[0], time.Now()
			before := r.ask(c.Context())
			done, err := setup.Revoke(o)
			if err != nil {
				return err
			}
			if done.Already {
				fmt.Fprintf(c.OutOrStdout(), "%s was revoked before.\n", o.Name)
			} else {
				fmt.Fprintf(c.OutOrStdout(), "%s is revoked: its certificate is on %s.\n", o.Name, done.List)
			}
			return r.follow(c, done, before)
		},
	}
	c.Flags().StringVar(&o.Dir, "dir", "", "the server's directory")
	r.flags(c)
	c.MarkFlagRequired("dir")
	return c
}

// cutTime is how long a client may still be in that was revoked.
const cutTime = 3 * time.Second

// follow says what servers that run make of a revocation; before is how they
// were.
func (e *everyServer) follow(c *cobra.Command, done *setup.Revocation, before servers) error {
	out := c.OutOrStdout()
	if done.Problem != "" {
		return fmt.Errorf("the server does not heed the list yet: %s", done.Problem)
	}
	if done.LineAdded {
		fmt.Fprintf(out, "server.conf had no revocation list; the line `crl-verify %s` was added.\n", done.List)
	}
	if len(before) == 0 {
		fmt.Fprintln(out, "No running server was found to ask; one that reads the list keeps the client out.")
		return nil
	}
	reading := false
	for _, s := range before {
		reading = reading || slices.Contains(s.Lists, done.List)
	}
	peer, in := before.find(done.Serials)
	for end := time.Now().Add(cutTime); in && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if _, still := e.ask(c.Context()).find(done.Serials); !still {
			fmt.Fprintf(out, "It was connected from %s, and is cut off.\n", peer.Remote)
			return nil
		}
	}
	switch {
	case !reading:
		return errors.New("THE RUNNING SERVER DOES NOT READ THE LIST YET: have it read its configuration again (SIGHUP, or restart it), upon which all clients connect anew")
	case in:
		return fmt.Errorf("the client is STILL CONNECTED from %s: the server's log says what is wrong with the list", peer.Remote)
	}
	fmt.Fprintln(out, "It is not connected.")
	return nil
}

func clientRenewCommand() *cobra.Command {
	o := setup.RenewClientOptions{ClientOptions: setup.ClientOptions{Rand: rand.Reader}}
	r := everyServer{}
	c := &cobra.Command{
		Use:   "renew NAME --dir D -o FILE",
		Short: "Make a client a new profile, before the old one expires",
		Long: `Make a client a new profile, with a certificate and keys of its own, for the
device to have in place of the old one. The old one stays good until it expires,
so that the device can connect meanwhile; --revoke-old shuts it out at once.

A client that was revoked gets a new profile only with --let-in-again. The old
one stays revoked.`,
		Example: "  culvert client renew phone --dir /etc/culvert -o phone.ovpn",
		Args:    one("name"),
		RunE: func(c *cobra.Command, args []string) error {
			o.Name, o.Now, o.Out = args[0], time.Now(), outputFile(o.Out)
			before := r.ask(c.Context())
			done, err := setup.RenewClient(o)
			if err != nil {
				return err
			}
			say := c.OutOrStdout()
			if o.Out == "" {
				say = c.ErrOrStderr()
				if _, err := c.OutOrStdout().Write(done.Profile); err != nil {
					return err
				}
			} else {
				fmt.Fprintf(say, "%s is the new profile of %s, good until %s. Who has the file can connect: move it to the client by a way you trust.\n",
					o.Out, o.Name, done.Expires.Format(time.DateOnly))
			}
			if done.Revocation != nil {
				fmt.Fprintln(say, "The profile before is revoked.")
				c.SetOut(say)
				return r.follow(c, done.Revocation, before)
			}
			if done.WasRevoked {
				fmt.Fprintf(say, "%s had been revoked: the old profile stays so, and the new one lets it in.\n", o.Name)
			} else if o.Now.Before(done.Before) {
				fmt.Fprintf(say, "The profile before stays good until %s; --revoke-old shuts it out.\n", done.Before.Format(time.DateOnly))
			}
			return nil
		},
	}
	c.Flags().StringVar(&o.Dir, "dir", "", "the server's directory")
	c.Flags().StringVarP(&o.Out, "output", "o", "", "the profile's file, replaced if it is one of this client (default, or -: standard output)")
	c.Flags().BoolVar(&o.RevokeOld, "revoke-old", false, "shut the profiles before out at once")
	c.Flags().BoolVar(&o.LetInAgain, "let-in-again", false, "make the profile also where the client was revoked")
	r.flags(c)
	c.MarkFlagRequired("dir")
	return c
}
