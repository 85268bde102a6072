package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"culvert/operate/backend"
	"culvert/operate/conffile"
	"culvert/role/client"
	"culvert/role/profile"
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
measured, which one is in use and why. docs/fastest.md has the rule.

The exit status is 0 if a server answers, 1 if none does, and 2 if nothing could be
measured. --watch ends with 0 when you end it.`,
		Example: `  culvert servers office.ovpn
  culvert servers --watch`,
		Args: func(c *cobra.Command, args []string) error {
			err := cobra.MaximumNArgs(1)(c, args)
			if err == nil && len(args) == 1 && r.name != "" {
				err = errors.New("a profile's servers are measured by this command itself, and --name asks a running client: give one of the two")
			}
			return unmeasured(err)
		},
		RunE: func(c *cobra.Command, args []string) error {
			answered := false
			tell := func(rows []backend.Measured) error {
				answered = backend.AnyAnswers(rows)
				return tellServers(c.OutOrStdout(), rows, asJSON, watch)
			}
			every := time.Duration(0)
			if watch {
				every = watchEvery
			}
			err := askOrMeasure(c.Context(), r, args, every, tell)
			switch {
			case c.Context().Err() != nil && watch:
				return nil
			case c.Context().Err() != nil:
				return statusError{} // which exitStatus knows
			case err != nil:
				return unmeasured(err)
			case !answered:
				return statusError{nil, unansweredExit}
			}
			return nil
		},
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return unmeasured(err) })
	c.Flags().BoolVar(&watch, "watch", false, "show it again and again, until Ctrl-C")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	r.flags(c)
	r.farFlags(c)
	return c
}

// The exit statuses of culvert servers where no server answers, and where that is not known:
// the command line is wrong, or nothing could be measured.
const (
	unansweredExit = 1
	unmeasuredExit = 2
)

// unmeasured marks an error after which nothing is known of the servers.
func unmeasured(err error) error {
	if err == nil {
		return nil
	}
	return statusError{err, unmeasuredExit}
}

// askOrMeasure measures the servers of a profile, if args names one, and else asks a running
// client.
func askOrMeasure(ctx context.Context, r running, args []string, every time.Duration, tell func([]backend.Measured) error) error {
	if len(args) == 0 {
		return askServers(ctx, r, every, tell)
	}
	cfg, err := conffile.Load(args[0], aProfile)
	if err != nil {
		return err
	}
	if err := profile.SendsUnasked(cfg, args[0], false); err != nil {
		return err
	}
	return client.Measure(ctx, cfg, client.Options{}, every, tell)
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
