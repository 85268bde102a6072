package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"culvert/operate/backend"
	"culvert/operate/conffile"
	"culvert/role/client"
)

// watchEvery is how often culvert servers --watch shows the table.
const watchEvery = 2 * time.Second

func serversCommand() *cobra.Command {
	var r running
	var watch, asJSON bool
	c := &cobra.Command{
		Use:   "servers [FILE]",
		Short: "Measure the servers of a profile, and say which is the best",
		Long: `Measure the servers of a profile: each one's first answer, a few packets each, over
every protocol that the profile names. It takes a second or two, and no rights.

Without FILE, the running client that was started with --fastest says what it has
measured, which one is in use and why. docs/fastest.md has the rule.`,
		Example: `  culvert servers office.ovpn
  culvert servers --watch`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			tell := func(rows []backend.Measured) error { return tellServers(c.OutOrStdout(), rows, asJSON, watch) }
			every := time.Duration(0)
			if watch {
				every = watchEvery
			}
			if len(args) == 1 {
				cfg, err := conffile.Load(args[0], aProfile)
				if err != nil {
					return err
				}
				return client.Measure(c.Context(), cfg, client.Options{}, every, tell)
			}
			return askServers(c.Context(), r, every, tell)
		},
	}
	c.Flags().BoolVar(&watch, "watch", false, "show it again and again, until Ctrl-C")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	r.flags(c)
	return c
}

// askServers asks a running client, once or every so often.
func askServers(ctx context.Context, r running, every time.Duration, tell func([]backend.Measured) error) error {
	p, err := r.dial()
	if err != nil {
		return err
	}
	for {
		rows, err := p.Servers(ctx)
		if err == nil {
			err = tell(rows)
		}
		if err != nil || every == 0 {
			return err
		}
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return nil
		}
	}
}

// tellServers prints a table; again, in the place of the one before on a terminal.
func tellServers(w io.Writer, rows []backend.Measured, asJSON, again bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(rows)
	}
	var b []byte
	if again && term.IsTerminal(int(os.Stdout.Fd())) {
		b = append(b, "\x1b[H\x1b[2J"...)
	}
	_, err := w.Write(backend.AppendServers(b, rows))
	return err
}
