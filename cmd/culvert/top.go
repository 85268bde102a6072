package main

import (
	"context"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"culvert/operate/backend"
	"culvert/operate/manage"
	"culvert/operate/top"
)

func topCommand() *cobra.Command {
	var r running
	var once, asJSON bool
	c := &cobra.Command{
		Use:        "top [NAME]",
		Example:    "  culvert top",
		SuggestFor: []string{"htop", "watch", "monitor", "dash"},
		Short:      "Watch a running process on the terminal: who is connected, rates, drops",
		Long: `Watch a running process on the terminal, server or client: who is connected, how much
passes now and in the last minutes, handshakes, and what is dropped and why. ? has the keys.
Where the output is no terminal, or with --once, it shows one moment as text. NAME is the
process's, such as server-tun0; it is needed where several run.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := r.dialNamed(args)
			if err != nil {
				return err
			}
			source := sourceOf(client)
			if out, ok := c.OutOrStdout().(*os.File); ok && !once && !asJSON && term.IsTerminal(int(out.Fd())) && term.IsTerminal(int(os.Stdin.Fd())) {
				return top.Run(c.Context(), source, func(ctx context.Context, tell func(backend.Event) error) error {
					return client.Follow(ctx, func(backend.Status) error { return nil }, tell)
				}, os.Stdin, out)
			}
			shot, err := top.Take(c.Context(), source)
			if err != nil {
				return err
			}
			text := []byte(shot.Text(time.Now()))
			if asJSON {
				if text, err = shot.JSON(); err != nil {
					return err
				}
			}
			_, err = c.OutOrStdout().Write(text)
			return err
		},
	}
	c.Flags().BoolVar(&once, "once", false, "show one moment as text, and end")
	c.Flags().BoolVar(&asJSON, "json", false, "print one moment as JSON, and end")
	r.flags(c)
	r.farFlags(c)
	return c
}

// sourceOf is a process as top looks at it.
func sourceOf(client *manage.Client) top.Source {
	return top.Source{
		Name: client.Name(), Status: client.Status, Past: client.Rates,
		Life: func(ctx context.Context, number uint64) ([]backend.Event, error) {
			l, err := client.Session(ctx, number)
			return l.Life, err
		},
		Away: func(ctx context.Context, number uint64) error { return client.SendAway(ctx, number, "") },
	}
}
